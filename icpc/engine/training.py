"""`tools/train.py`: train, then evaluate once on the test split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process, master_only

from . import distributed
from .atomic_files import remove_temporary_files, without_room
from .batch import plan_batch, world_size
from .checkpoint import POINTER, write_text_atomically
from .config import finish_config, merge_config
from .console import say
from .overrides import parse_overrides
from .preemption import Requeue
from .resuming import newest_whole
from .run_record import finish_record, requeue_record, run_identity, start_record
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
    silence_console()
    distributed.start(launcher)
    overrides = _with_flags(options, amp, seed)
    merged = merge_config(config, overrides)
    cfg = finish_config(merged, work_dir)
    check_data(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    distributed.add_wrapper(cfg, launcher)
    _find_start(cfg, resume)
    _write(merged, Path(cfg.work_dir))
    start_record(cfg, overrides)
    _announce(cfg)
    runner = SafeRunner.from_cfg(cfg)
    try:
        with without_room(Path(cfg.work_dir)):
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


@master_only
def _write(merged: Config, work_dir: Path) -> None:
    """Write the config with its variables, so that it can be overridden again."""
    work_dir.mkdir(parents=True, exist_ok=True)
    write_text_atomically(merged.pretty_text, work_dir / 'config.py')


def _with_flags(
    options: list[str] | dict[str, Any] | None, amp: str | None, seed: int | None
) -> dict[str, Any]:
    overrides = parse_overrides(options)
    if seed is not None:
        overrides['seed'] = seed
    if amp is not None:
        overrides |= {'optim_wrapper.type': 'AutocastOptimWrapper', 'optim_wrapper.dtype': amp}
    return overrides


def _find_start(cfg: Config, resume: bool) -> None:
    """Set what the run continues from; the first rank looks for it."""
    folder, found = Path(cfg.work_dir), [None]
    if is_main_process():
        remove_temporary_files(folder)
        if resume:
            found = [newest_whole(folder, run_identity(folder))]
        else:
            (folder / POINTER).unlink(missing_ok=True)  # it names a checkpoint of a former run
    broadcast_object_list(found)
    cfg.resume = found[0] is not None
    if cfg.resume:
        cfg.load_from = str(found[0])
        say(f'resuming from {found[0]}')
    elif resume:
        say(f'{folder} holds no checkpoint of this run: starting from the beginning')


def _announce(cfg: Config) -> None:
    say(f'{Path(cfg.filename).name} -> {cfg.work_dir}')
    if cfg.get('global_batch') is not None:
        say(str(plan_batch(cfg.global_batch, cfg.get('gpu_batch'), world_size())))
