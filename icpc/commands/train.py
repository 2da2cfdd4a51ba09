"""`tools/train.py`: train, then evaluate once on the test split."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..checkpoints.content import steps_of
from ..checkpoints.newest import newest_whole
from ..config.batch_plan import plan_batch, world_size
from ..config.load import finish_config, merge_config
from ..config.overrides import parse_overrides
from ..console.messages import say
from ..evaluation.results import ResultsHook
from ..files import remove_temporary_files, without_room
from ..ranks import distributed
from ..ranks.rank_watch import MINUTES
from ..run_dir.continuation import check_continues
from ..run_dir.record import (
    FINISHED,
    RESOLVED,
    finish_record,
    read_json,
    read_record,
    requeue_record,
)
from ..run_dir.starts import continued, describe, start_record
from ..training.preemption import Requeue, StopEvaluationHook, StopSignals, any_rank
from ..training.runner import SafeRunner
from .running import check_data, silence_console


def train(
    config: str,
    options: list[str] | dict[str, Any] | None = None,
    work_dir: str | None = None,
    resume: bool = False,
    amp: str | None = None,
    launcher: str = 'none',
    seed: int | None = None,
    rank_timeout: float = MINUTES,
) -> dict[str, float]:
    """Train as the config says and print the test split's results.

    Args:
        config: Path of a config.
        options: Overrides, as `--cfg-options`.
        work_dir: Where to write; by default `work_dirs/<config name>`.
        resume: Continue from the work dir's last checkpoint.
        amp: `bf16` or `fp16` for autocast, None for float32.
        launcher: `none`, `pytorch` or `slurm`.
        seed: Overrides the config's seed.
        rank_timeout: Minutes that one rank of several may stand still before it ends.

    Returns:
        The metrics of the test split, in percent; without one, of the last validation.

    Raises:
        Requeue: After SIGTERM or SIGUSR1; the run has saved itself.
    """
    with StopSignals() as signals:
        silence_console()
        distributed.start(launcher, rank_timeout)
        overrides = with_flags(options, amp, seed)
        return run(config, overrides, work_dir, resume, launcher, signals)


def run(
    config: str,
    overrides: dict[str, Any],
    work_dir: str | None,
    resume: bool,
    launcher: str,
    signals: StopSignals,
    change: Callable[[Config], None] | None = None,
    hooks: Sequence[Hook] = (),
) -> dict[str, float]:
    """Train and test, as `train` does once the processes are together.

    Args:
        config: Path of a config.
        overrides: All overrides, `{dotted path: value}`.
        work_dir: Where to write.
        resume: Continue from the work dir's last checkpoint.
        launcher: `none`, `pytorch` or `slurm`.
        signals: That tell the run to stop.
        change: Is called with the finished config before anything is built from it.
        hooks: Watch the run besides the config's.

    Returns:
        The metrics of the test split, in percent.

    Raises:
        Requeue: After SIGTERM or SIGUSR1; the run has saved itself.
    """
    runner = _prepare(config, overrides, work_dir, resume, launcher, change)
    runner.signals = signals
    for hook in (StopEvaluationHook(signals), *hooks):
        runner.register_hook(hook)
    return _run(runner)


def _prepare(
    config: str,
    overrides: dict[str, Any],
    work_dir: str | None,
    resume: bool,
    launcher: str,
    change: Callable[[Config], None] | None,
) -> SafeRunner:
    """Check all that can be checked and build the runner; the former run's files stay as they are.

    Args: as `run`.
    """
    merged = merge_config(config, overrides)
    cfg = finish_config(merged, work_dir)
    if change is not None:
        change(cfg)
    check_data(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    distributed.add_wrapper(cfg, launcher)
    record = _find_start(cfg, resume, overrides)
    _announce(cfg)
    runner = SafeRunner.from_cfg(cfg)
    runner.register_hook(_BeginHook(cfg, merged, record))
    return runner


class _BeginHook(Hook):
    """Writes the record when all is built, loaded and checked: what is refused changes nothing."""

    priority = 55  # after what may refuse to train, before BELOW_NORMAL: metrics.jsonl and trackers

    def __init__(self, cfg: Config, merged: Config, record: dict[str, Any]) -> None:
        self._parts = cfg, merged, record

    def before_train(self, runner: Runner) -> None:
        """From here on the work dir is this run's; a signal that came meanwhile ends it."""
        start_record(*self._parts)
        if any_rank(runner.signals):
            raise Requeue


def _run(runner: SafeRunner) -> dict[str, float]:
    results = ResultsHook(finish_record)
    runner.register_hook(results)
    try:
        with without_room(Path(runner.work_dir)):
            runner.train()
            return _finish(runner, results)
    except Requeue:
        runner.call_hook('after_run')
        requeue_record(runner)
        raise
    finally:
        runner.close_loaders()


def _finish(runner: SafeRunner, results: ResultsHook) -> dict[str, float]:
    if runner.cfg.get('test_dataloader') is not None:
        return results.of_test(runner)
    finish_record(runner)
    return results.of_validation(runner)


def with_flags(
    options: list[str] | dict[str, Any] | None, amp: str | None, seed: int | None
) -> dict[str, Any]:
    """All overrides in one dict: `--cfg-options`, and what `--amp` and `--seed` stand for."""
    overrides = parse_overrides(options)
    if seed is not None:
        overrides['seed'] = seed
    if amp is not None:
        overrides |= {'optim_wrapper.type': 'AutocastOptimWrapper', 'optim_wrapper.dtype': amp}
    return overrides


def _find_start(cfg: Config, resume: bool, overrides: dict[str, Any]) -> dict[str, Any]:
    """Set what the run continues from, which the first rank looks for; returns its record."""
    folder, found, record = Path(cfg.work_dir), [None], {}
    if is_main_process():
        record = describe(cfg, overrides)
        remove_temporary_files(folder)
        if resume:
            found, record = _continue(cfg, record)
    broadcast_object_list(found)
    cfg.resume = found[0] is not None
    if cfg.resume:
        cfg.load_from = str(found[0])
        say(f'resuming from {found[0]}')
    elif resume:
        say(f'{folder} holds no checkpoint of this run: starting from the beginning')
    return record


def _continue(cfg: Config, record: dict[str, Any]) -> tuple[list[Path | None], dict[str, Any]]:
    """The checkpoint to go on from, and the former record with this start in it."""
    folder = Path(cfg.work_dir)
    former = read_record(folder)
    path = newest_whole(folder, (former or {}).get('run'))
    if path is None or former is None:
        return [path], record
    if (folder / RESOLVED).is_file():
        check_continues(folder, former, read_json(folder / RESOLVED), record, cfg.to_dict())
    length = record['segments'][-1]['max_iters']
    done = former['state'] == FINISHED and steps_of(path) == length
    if done:
        say(f'{folder} is finished: nothing is left to train, it is tested again')
    return [path], continued(former, record, path, done)


def _announce(cfg: Config) -> None:
    say(f'{Path(cfg.filename).name} -> {cfg.work_dir}')
    if cfg.get('global_batch') is not None:
        say(str(plan_batch(cfg.global_batch, cfg.get('gpu_batch'), world_size())))
