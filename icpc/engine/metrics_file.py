"""Numbers of a run as JSON lines: `{"step": 100, "split": "train", "loss": ...}`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .checkpoint import write_text_atomically
from .fingerprints import plain_tree
from .tracking import Tracker, check_tracker, open_tracker

NAME = 'metrics.jsonl'


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

    @master_only
    def before_train(self, runner: Runner) -> None:
        """A resumed run takes out the lines it will write again; a new run starts a new file."""
        path = Path(runner.work_dir) / NAME
        lines = path.read_text().splitlines() if path.is_file() else []
        kept = [line for line in lines if 0 < json.loads(line)['step'] <= runner.iter]
        write_text_atomically(''.join(f'{line}\n' for line in kept), path)
        self._open_tracker(runner, runner.iter)

    @master_only
    def before_test(self, runner: Runner) -> None:
        """The test after a training adds to its run."""
        self._open_tracker(runner, _steps_done(runner))

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
        for key, value in (outputs or {}).items():
            self._sums[key] = self._sums.get(key, 0.0) + value.item()
        self._count += 1
        step = runner.iter + 1
        if step % self.interval == 0 or step == runner.max_iters:
            means = {key: total / self._count for key, total in self._sums.items()}
            lr = {key: values[0] for key, values in runner.optim_wrapper.get_lr().items()}
            self._write(runner, step, 'train', {**means, **lr})
            self._sums, self._count = {}, 0

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the results of a validation."""
        self._write(runner, runner.iter, 'val', metrics or {})

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the results of a test; step 0 where nothing was trained."""
        self._write(runner, _steps_done(runner), 'test', metrics or {})

    @master_only
    def _write(self, runner: Runner, step: int, split: str, numbers: dict[str, Any]) -> None:
        plain = {key: value if math.isfinite(value) else None for key, value in numbers.items()}
        with (Path(runner.work_dir) / NAME).open('a') as file:
            file.write(json.dumps({'step': step, 'split': split, **plain}) + '\n')
        if self._open is not None:
            named = {f'{split}/{key}': value for key, value in plain.items() if value is not None}
            self._open.log(step, named)

    def _open_tracker(self, runner: Runner, step: int) -> None:
        if self.tracker is not None and self._open is None:
            config = plain_tree(runner.cfg.to_dict())
            self._open = open_tracker(self.tracker, Path(runner.work_dir), config, step)


def _steps_done(runner: Runner) -> int:
    untrained = isinstance(runner._train_loop, dict) or runner._train_loop is None
    return 0 if untrained else runner.iter
