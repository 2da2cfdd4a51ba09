"""Numbers of a run as JSON lines: `{"step": 100, "split": "train", "loss": ...}`."""

import json
import math
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..console.messages import say_once
from ..console.numbers import numbers
from ..console.trackers import Tracker, check_tracker, open_tracker
from ..console.unread import Unread
from ..files import write_text_atomically
from .fingerprints import plain_tree

NAME = 'metrics.jsonl'
_SUMS = 'unwritten_metrics'  # in a checkpoint


@HOOKS.register_module()
class MetricsFileHook(Hook):
    """Appends the losses of every `interval` steps and all results to `metrics.jsonl`.

    Args:
        interval: Optimiser steps between two lines of losses (each the mean over those steps).
        tracker: `tensorboard`, `wandb` or `mlflow` gets the same numbers; None for none.
    """

    priority = 'BELOW_NORMAL'

    def __init__(self, interval: int = 50, tracker: str | None = None) -> None:
        check_tracker(tracker)
        self.interval = interval
        self.tracker = tracker
        self._open: Tracker | None = None
        self._sums: dict[str, float] = {}
        self._count = 0
        self._unread = Unread()

    @master_only
    def before_train(self, runner: Runner) -> None:
        """A resumed run takes out the lines it will write again; a new run starts a new file."""
        if runner.iter == 0:
            self._sums, self._count = {}, 0
        validated = getattr(runner.train_loop, 'validated', runner.iter)
        cut_metrics(Path(runner.work_dir) / NAME, runner.iter, validated)
        self._open_tracker(runner, runner.iter)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Save the sums of the line to come."""
        self._add_up()
        checkpoint[_SUMS] = {'sums': dict(self._sums), 'count': self._count}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Take them up again; a new training sets them back."""
        kept = checkpoint.get(_SUMS) or {'sums': {}, 'count': 0}
        self._sums, self._count = dict(kept['sums']), kept['count']

    @master_only
    def before_test(self, runner: Runner) -> None:
        """The test after a training adds to its run."""
        self._open_tracker(runner, steps_done(runner))

    @master_only
    def after_run(self, runner: Runner) -> None:
        """The tracker sends what it holds back."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @master_only
    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: list[dict] | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Collect the step's scalars and write a line when it is due."""
        self._unread.add(outputs or {})
        step = runner.iter + 1
        if step % self.interval == 0 or step == runner.max_iters:
            self._add_up()
            means = {key: total / self._count for key, total in self._sums.items()}
            lr = {key: values[0] for key, values in runner.optim_wrapper.get_lr().items()}
            self._write(runner, step, 'train', {**means, **lr})
            self._sums, self._count = {}, 0

    def _add_up(self) -> None:
        for step in self._unread.read():
            for key, value in step.items():
                self._sums[key] = self._sums.get(key, 0.0) + value
            self._count += 1

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the results of a validation."""
        self._write(runner, runner.iter, 'val', metrics or {})

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the results of a test; step 0 where nothing was trained."""
        self._write(runner, steps_done(runner), 'test', metrics or {})

    @master_only
    def _write(self, runner: Runner, step: int, split: str, metrics: dict[str, Any]) -> None:
        plain = recorded(metrics)
        with (Path(runner.work_dir) / NAME).open('a') as file:
            file.write(json.dumps({'step': step, 'split': split, **plain}) + '\n')
        if self._open is not None:
            named = {f'{split}/{key}': value for key, value in plain.items() if value is not None}
            self._open.log(step, named)

    def _open_tracker(self, runner: Runner, step: int) -> None:
        if self.tracker is not None and self._open is None:
            config = plain_tree(runner.cfg.to_dict())
            self._open = open_tracker(self.tracker, Path(runner.work_dir), config, step)


def recorded(metrics: dict[str, Any]) -> dict[str, float | None]:
    """The numbers among the metrics; None for nan and infinity, which JSON does not know."""
    known = numbers(metrics)
    return {key: value if math.isfinite(value) else None for key, value in known.items()}


def cut_metrics(path: Path, step: int, validated: int) -> None:
    """Keep the lines that a run resumed after `step` will not write again.

    A line that a killed process left half-written goes too.

    Args:
        path: `metrics.jsonl`; it is made where it is missing.
        step: Steps done.
        validated: The last of them whose validation is done.
    """
    last = {'train': step, 'val': validated}
    text = path.read_text(errors='replace') if path.is_file() else ''
    kept = []
    for line in text.splitlines(keepends=True):
        numbers = _numbers(line)
        if numbers and line.endswith('\n') and 0 < numbers['step'] <= last.get(numbers['split'], 0):
            kept.append(line)
    write_text_atomically(''.join(kept), path)


def steps_done(runner: Runner) -> int:
    """Optimiser steps that this process trained or resumed, 0 in a mere test."""
    untrained = isinstance(runner._train_loop, dict) or runner._train_loop is None
    return 0 if untrained else runner.iter


def read_lines(path: Path) -> list[dict[str, Any]]:
    """What a `metrics.jsonl` holds, line by line; what is cut or damaged is named and left out."""
    lines = []
    for number, text in enumerate(path.read_text(errors='replace').splitlines(), 1):
        line = _numbers(text)
        if line is None:
            say_once(f'note: {path}: line {number} is cut or damaged; it is left out')
        else:
            lines.append(line)
    return lines


def _numbers(text: str) -> dict[str, Any] | None:
    """One line; None for what no run would have written."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or type(line.get('step')) is not int:
        return None
    rest = [value for key, value in line.items() if key != 'split']
    plain = all(value is None or type(value) in (int, float) for value in rest)
    return line if plain and isinstance(line.get('split'), str) else None


def last_metrics(work_dir: str | Path) -> dict[str, dict[str, float]]:
    """The last line of each evaluated split in `metrics.jsonl`.

    Args:
        work_dir: The work directory of the run.

    Returns:
        `{'val': {'step': 800, 'mIoU': 40.1, ...}, 'test': {...}}`.
    """
    path = Path(work_dir) / NAME
    last: dict[str, dict[str, float]] = {}
    for line in read_lines(path) if path.is_file() else ():
        if line['split'] != 'train':
            last[line.pop('split')] = line
    return last
