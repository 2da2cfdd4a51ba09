"""`tools/train.py CONFIG --rehearse`: minutes that tell whether a run of days will reach its end.

The rehearsal is the run itself with the real data, model and ranks, only short and in a folder of
its own that is removed: two steps, a validation, the test with its pictures, a checkpoint, a second
start that resumes it, one picture with test-time augmentation.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, get_rank, get_world_size, is_main_process
from mmseg.utils import register_all_modules

from ..config.load import finish_config, merge_config
from ..console.messages import muted, say, silence_console
from ..console.trackers import check_tracker
from ..datasets.checks.verification import check_data
from ..datasets.picture_subset import PictureSubset
from ..errors import Requeue, UserError, in_one_line
from ..memory.host import memory_fence
from ..ranks import distributed
from ..rehearsal.loading_speed import seconds_of_loading
from ..rehearsal.measured import Measured, print_report
from ..rehearsal.splits import Splits, look_at_data
from ..rehearsal.watch import RehearsalHook
from ..training.preemption import StopSignals, any_rank
from .begin import check_trains
from .evaluate import evaluate
from .train import run, say_batch, with_flags

_STEPS = 2  # of the first start; the second one, which resumes it, does one more


def rehearse(
    config: str,
    options: list[str] | dict[str, Any] | None = None,
    work_dir: str | None = None,
    amp: str | None = None,
    launcher: str = 'none',
    seed: int | None = None,
    rank_timeout: float | None = None,
) -> None:
    """Do a short form of everything that a training does, and print what it will take.

    Args:
        config: Path of a config.
        options: Overrides, as `--cfg-options`.
        work_dir: Where the run would write; nothing is left there.
        amp: `bf16` or `fp16` for autocast, None for float32.
        launcher: `none`, `pytorch` or `slurm`.
        seed: Overrides the config's seed.
        rank_timeout: Minutes that a process may stand still before it ends; None for the config's.

    Raises:
        UserError: When something was found that would stop the run; all of it was printed.
        Requeue: After SIGTERM, SIGUSR1, SIGHUP or SIGINT.
    """
    overrides = with_flags(options, amp, seed)
    with StopSignals() as signals:
        silence_console()
        distributed.start(launcher, rank_timeout)
        cfg = finish_config(merge_config(config, overrides), work_dir)
        check_trains(cfg)
        if cfg.get('train_dataloader') is None:
            raise UserError(f'{config}: --rehearse needs a config that trains')
        check_data(cfg)
        check_tracker(cfg.get('tracker'))
        register_all_modules(init_default_scope=True)
        say(f'rehearsal of {Path(config).name}')
        say_batch(cfg)
        home = Path(cfg.work_dir)
        with distributed.watched(cfg.get('rank_timeout')), _temporary_folder(home) as folder:
            distributed.note('the rehearsal')
            rehearsal = _Rehearsal(config, overrides, launcher, signals, cfg, folder)
            measured = rehearsal.all_parts()
        print_report(cfg, measured, home)
    if measured.problems:
        raise UserError(
            f'{len(measured.problems)} thing(s) would stop the run or spoil it, listed above'
        )


class _Rehearsal:
    """The parts of one rehearsal in their order; a part that fails leaves out what builds on it.

    Args:
        config: Path of the config.
        overrides: All of them.
        launcher: As given.
        signals: That tell the rehearsal to stop.
        cfg: The finished config of the real run.
        folder: To write to.
    """

    def __init__(
        self,
        config: str,
        overrides: dict[str, Any],
        launcher: str,
        signals: StopSignals,
        cfg: Config,
        folder: Path,
    ) -> None:
        self.config, self.overrides, self.launcher = config, overrides, launcher
        self.signals, self.cfg, self.folder = signals, cfg, folder
        self.watch = RehearsalHook()
        self.measured = Measured()

    def all_parts(self) -> Measured:
        """Rehearse everything."""
        splits = self._look()
        parts: list[tuple[str, Callable[[], None]]] = [
            ('loading', self._load),
            ('two steps, validation, saving and test', lambda: self._train(splits, _STEPS)),
            ('resuming for one more step', lambda: self._train(splits, _STEPS + 1)),
        ]
        if self.cfg.get('tta_model') is not None and self.cfg.get('test_dataloader') is not None:
            parts.append(('one picture with test-time augmentation', lambda: self._augment(splits)))
        for number, (name, part) in enumerate(parts):
            say(f'{name} ...')
            if not self._succeeds(part):
                self.measured.left_out = [other for other, _ in parts[number + 1 :]]
                break
            if any_rank(self.signals):
                raise Requeue
        self.measured.problems += [f'the panel: {failure}' for failure in self.watch.failures]
        self.measured.take(self.watch)
        return self.measured

    def _look(self) -> Splits:
        """The first rank reads pictures and masks; all ranks know what it found."""
        found: list[Any] = [None]
        if is_main_process():
            found = [look_at_data(self.cfg, say)]
        broadcast_object_list(found)
        splits, problems, notes = found[0]
        self.measured.pictures = {name: split.count for name, split in splits.items()}
        self.measured.problems += problems
        self.measured.notes += notes
        return splits

    def _succeeds(self, part: Callable[[], None]) -> bool:
        """Whether a part works. Where several ranks take part, one that fails ends them all."""
        try:
            with muted(), memory_fence(distributed.ranks_here()):
                part()
        except Requeue:
            raise
        except Exception as error:
            message = f'{self.watch.phase}: {_explained(error)}'
            if get_world_size() > 1:
                shutil.rmtree(self.folder, ignore_errors=True)
                raise UserError(f'rank {get_rank()}, {message}') from error
            self.measured.problems.append(message)
            return False
        return True

    def _load(self) -> None:
        self.watch.phase = 'reading training pictures'
        self.measured.loading = seconds_of_loading(self.cfg)

    def _train(self, splits: Splits, steps: int) -> None:
        self.watch.phase = 'building the model'
        run(
            self.config,
            self.overrides,
            str(self.folder / 'run'),
            resume=steps > _STEPS,
            launcher=self.launcher,
            signals=self.signals,
            change=lambda cfg: self._shorten(cfg, splits, steps),
            hooks=[self.watch],
        )
        checkpoint = self.folder / 'run' / f'iter_{steps}.pth'
        self.measured.checkpoint = checkpoint.stat().st_size

    def _shorten(self, cfg: Config, splits: Splits, steps: int) -> None:
        """The run's config with few steps and pictures; schedules are at their beginning."""
        cfg.train_cfg.max_iters = cfg.train_cfg.val_interval = steps
        cfg.train_cfg.val_begin = 1
        for name in ('val', 'test'):
            if cfg.get(f'{name}_dataloader') is not None:
                split = splits[name]
                odd = [split.largest, split.typical] if name == 'val' else [split.typical]
                _take_only(cfg[f'{name}_dataloader'], _for_all_ranks([*odd, split.narrowest]))
        if 'metrics' in cfg.default_hooks:
            cfg.default_hooks.metrics.tracker = None  # a tracker would keep the rehearsal

    def _augment(self, splits: Splits) -> None:
        self.watch.phase = 'building the model for test-time augmentation'
        evaluate(
            self.config,
            str(self.folder / 'run' / f'iter_{_STEPS + 1}.pth'),
            self.overrides,
            str(self.folder / 'tta'),
            tta=True,
            launcher=self.launcher,
            change=lambda cfg: _take_only(
                cfg.test_dataloader, _for_all_ranks([splits['test'].largest])
            ),
            hooks=[self.watch],
        )


def _for_all_ranks(indices: list[int]) -> list[int]:
    """The same pictures so often that each rank has one."""
    times = -(-get_world_size() // len(indices))
    return indices * times


def _take_only(loader: dict[str, Any], indices: list[int]) -> None:
    loader['dataset'] = dict(
        type=PictureSubset.__name__, dataset=loader['dataset'], indices=indices
    )


def _explained(error: Exception) -> str:
    """One line that says what failed, and what helps where memory was too small."""
    text = ' '.join(str(error).split())
    out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    if out_of_memory or "can't allocate memory" in text:
        return (
            f'it does not fit into memory ({text or type(error).__name__}); lower gpu_batch for '
            "training; for evaluation model.test_cfg.mode='slide', a lower "
            'model.test_cfg.memory_budget, a batch_size of 1'
        )
    return text if isinstance(error, UserError) else in_one_line(error)


@contextmanager
def _temporary_folder(home: Path) -> Iterator[Path]:
    """A folder on the disk where the run would write; it goes whatever happens."""
    path: list[str | None] = [None]
    problem: list[str | None] = [None]
    if is_main_process():
        parent = next(folder for folder in (home, *home.absolute().parents) if folder.is_dir())
        try:
            path = [tempfile.mkdtemp(prefix='.rehearsal_', dir=parent)]
        except OSError as error:
            problem = [f'{parent}: a run cannot write there ({error.strerror})']
    broadcast_object_list(path)
    broadcast_object_list(problem)
    if problem[0] is not None:
        raise UserError(problem[0])
    try:
        yield Path(path[0])
    finally:
        if is_main_process():
            shutil.rmtree(path[0], ignore_errors=True)
