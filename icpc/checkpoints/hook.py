"""Saves checkpoints at an interval and keeps the newest few."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..errors import UserError
from .content import steps_in


@HOOKS.register_module()
class NewestCheckpointsHook(Hook):
    """Writes `iter_N.pth`; an old one goes only after the new one and the pointer are on disk.

    A checkpoint of a step that is validated is written before and again after the validation, so
    that a resumed run neither misses nor repeats it.

    Args:
        interval: Optimiser steps between checkpoints; the last step is always saved.
        keep: How many checkpoints to keep.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: int, keep: int = 2) -> None:
        if interval < 1 or keep < 1:
            raise UserError(
                f'checkpoint: interval and keep must be at least 1, got {interval} and {keep}'
            )
        self.interval = interval
        self.keep = keep

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Save when the step is due."""
        step = runner.iter + 1
        if step % self.interval == 0 or step == runner.max_iters:
            self._save(runner, step)

    def after_validated(self, runner: Runner) -> None:
        """Save what the validation gave, where the step was saved."""
        if runner.saved_step == runner.iter:
            self._save(runner, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Save the last step of a training that another hook ended early."""
        self.before_requeue(runner)

    def before_requeue(self, runner: Runner) -> None:
        """Save the step at which the run was told to stop, if there is one that is not saved."""
        if runner.iter > (runner.saved_step or 0):
            self._save(runner, runner.iter)

    def _save(self, runner: Runner, step: int) -> None:
        runner.save_checkpoint(runner.work_dir, f'iter_{step}.pth', meta=dict(epoch=0, iter=step))
        if is_main_process():
            self._remove_old(Path(runner.work_dir), step)

    def _remove_old(self, folder: Path, newest: int) -> None:
        written = steps_in(folder)
        for step in sorted(step for step in written if step <= newest)[: -self.keep]:
            written[step].unlink()
