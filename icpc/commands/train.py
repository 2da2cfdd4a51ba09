"""`tools/train.py`: the whole life of a run, in the order in which it happens."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook

from ..checkpoints.content import load_checkpoint, steps_of
from ..checkpoints.newest import newest_whole
from ..config.batch_plan import plan_batch, world_size
from ..config.load import finish_config, merge_config
from ..config.overrides import parse_overrides
from ..console.messages import say, silence_console
from ..datasets.checks.verification import check_data
from ..errors import INTERRUPTED, REQUEUED, Requeue
from ..evaluation.results import ResultsHook
from ..files import without_room
from ..ranks import distributed
from ..run_dir.continuation import check_recipe
from ..run_dir.lock import only_writer
from ..run_dir.record import FINISHED, finish_record, requeue_record, resumable_record
from ..run_dir.starts import continued, describe
from ..temporary_files import remove_temporary_files
from ..training.preemption import StopEvaluationHook, StopSignals
from ..training.runner import SafeRunner
from .begin import Begin, check_trains, first_step, nothing_left


def train(
    config: str,
    options: list[str] | dict[str, Any] | None = None,
    work_dir: str | None = None,
    resume: bool = False,
    amp: str | None = None,
    launcher: str = 'none',
    seed: int | None = None,
    rank_timeout: float | None = None,
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
        rank_timeout: Minutes that a process may stand still before it ends; None for the config's.

    Returns:
        The metrics of the test split, in percent; without one, of the last validation.

    Raises:
        Requeue: After SIGTERM, SIGUSR1, SIGHUP or SIGINT; the run has saved itself.
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
    """The life of a run, once the processes are together.

    Until `Begin`, which is the first hook of a training that may write, all is only checked, built
    and loaded: what is refused leaves a former run's files as they are.

    Args:
        config: The path of a config.
        overrides: All overrides, `{dotted path: value}`.
        work_dir: The folder to write to.
        resume: Continue from the work dir's last checkpoint.
        launcher: `none`, `pytorch` or `slurm`.
        signals: Those that tell the run to stop.
        change: It is called with the finished config before anything is built from it.
        hooks: They watch the run besides the config's.

    Returns:
        The metrics of the test split, in percent.

    Raises:
        Requeue: After SIGTERM, SIGUSR1, SIGHUP or SIGINT; the run has saved itself.
    """
    merged = merge_config(config, overrides)
    cfg = finish_config(merged, work_dir)
    check_trains(cfg)
    if change is not None:
        change(cfg)
    check_data(cfg)
    resume = resume or bool(cfg.get('resume'))
    folder, results = Path(cfg.work_dir), ResultsHook(finish_record)
    begin = Begin(cfg, merged, keeps=change is None)
    held = only_writer(folder) if is_main_process() else nullcontext()
    with distributed.watched(cfg.get('rank_timeout')), held, nothing_left(folder, begin):
        begin.record = find_start(cfg, resume, describe(cfg, overrides, launcher))
        say(f'{Path(cfg.filename).name} -> {folder}')
        say_batch(cfg)
        runner = SafeRunner.from_cfg(cfg, launcher)  # builds the model
        runner.signals = signals
        for hook in (begin, StopEvaluationHook(signals), *hooks, results):
            runner.register_hook(hook)
        with first_step(begin):
            return train_and_test(runner, results)


def train_and_test(runner: SafeRunner, results: ResultsHook) -> dict[str, float]:
    """Train, then evaluate; a run that is told to stop saves itself.

    Args:
        runner: With all its hooks.
        results: The hook that knows what the evaluations gave.
    """
    try:
        with without_room(Path(runner.work_dir)):
            runner.train()  # builds loaders and optimiser, loads, begins, takes the steps
            return test_and_finish(runner, results)
    except Requeue as stop:
        stop.exit_code = INTERRUPTED if runner.signals.name == 'SIGINT' else REQUEUED
        requeue(runner)
        raise
    finally:
        runner.close_loaders()


def find_start(cfg: Config, resume: bool, record: dict[str, Any]) -> dict[str, Any]:
    """Set what the run continues from, which the first rank looks for; returns its record."""
    folder, found = Path(cfg.work_dir), [None]
    if is_main_process():
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
    former = resumable_record(folder)
    path = newest_whole(folder, (former or {}).get('run'))
    if path is None:
        return [path], record
    check_recipe(folder, former or record, record, cfg.to_dict())
    if former is None:  # what is known of the run stands in its checkpoints
        run = load_checkpoint(path, 'meta')['meta'].get('run')
        return [path], record | ({'run': run} if run else {})
    done = _is_done(former, steps_of(path), record['segments'][-1]['max_iters'])
    if done:
        say(f'{folder} is finished: nothing is left to train, it is tested again')
    return [path], continued(former, record, path, done)


def _is_done(former: dict[str, Any], steps: int | None, length: int | None) -> bool:
    """Whether the checkpoint is a finished run's last; EarlyStoppingHook may have ended it."""
    planned = former['segments'][-1].get('max_iters', length) if former.get('segments') else length
    return (
        former['state'] == FINISHED and steps == former.get('steps') and length in (planned, steps)
    )


def say_batch(cfg: Config) -> None:
    """Say how the global batch is made up."""
    if cfg.get('global_batch') is not None:
        say(str(plan_batch(cfg.global_batch, cfg.get('gpu_batch'), world_size())))


def test_and_finish(runner: SafeRunner, results: ResultsHook) -> dict[str, float]:
    """Evaluate once on the test split, if there is one; then the record says finished."""
    if runner.cfg.get('test_dataloader') is not None:
        return results.of_test(runner)
    finish_record(runner)
    return results.of_validation(runner)


def requeue(runner: SafeRunner) -> None:
    """Save what is not saved yet, and note that the run waits to be resumed."""
    runner.call_hook('before_requeue')
    runner.call_hook('after_run')
    requeue_record(runner)


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
