"""`tools/train.py`: train, then evaluate once on the test split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from . import distributed
from .atomic_files import remove_temporary_files, without_room
from .batch import plan_batch, world_size
from .checkpoint import steps_of
from .config import finish_config, merge_config
from .console import say
from .continuation import check_continues
from .overrides import parse_overrides
from .preemption import Requeue, StopEvaluationHook, StopSignals, any_rank
from .resuming import newest_whole
from .run_record import (
    FINISHED,
    RESOLVED,
    finish_record,
    read_json,
    read_record,
    requeue_record,
)
from .run_start import continued, describe, start_record
from .runner import SafeRunner
from .running import check_data, report, silence_console


def train(
    config: str,
    options: list[str] | dict[str, Any] | None = None,
    work_dir: str | None = None,
    resume: bool = False,
    amp: str | None = None,
    launcher: str = 'none',
    seed: int | None = None,
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

    Returns:
        The metrics of the test split, in percent.

    Raises:
        Requeue: After SIGTERM or SIGUSR1; the run has saved itself.
    """
    with StopSignals() as signals:
        silence_console()
        distributed.start(launcher)
        runner = _prepare(config, _with_flags(options, amp, seed), work_dir, resume, launcher)
        runner.signals = signals
        runner.register_hook(StopEvaluationHook(signals))
        return _run(runner)


def _prepare(
    config: str, overrides: dict[str, Any], work_dir: str | None, resume: bool, launcher: str
) -> SafeRunner:
    """Check all that can be checked and build the runner; the former run's files stay as they are.

    Args: as `train`, with all overrides in one.
    """
    merged = merge_config(config, overrides)
    cfg = finish_config(merged, work_dir)
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
    try:
        with without_room(Path(runner.work_dir)):
            runner.train()
            return _finish(runner)
    except Requeue:
        runner.call_hook('after_run')
        requeue_record(runner)
        raise
    finally:
        runner.close_loaders()


def _finish(runner: SafeRunner) -> dict[str, float]:
    metrics = {} if runner.cfg.get('test_dataloader') is None else runner.test()
    finish_record(runner)
    if metrics:
        report(runner, metrics)
    return metrics


def _with_flags(
    options: list[str] | dict[str, Any] | None, amp: str | None, seed: int | None
) -> dict[str, Any]:
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
