"""Loss, speed and time left while a run trains or is evaluated."""

import time
from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .messages import console, say
from .numbers import clock, numbers, shown
from .unread import Unread, are_due

_SMOOTHING = 0.9  # our choice: about the last ten iterations count


@HOOKS.register_module()
class ProgressHook(Hook):
    """A bar on a terminal; elsewhere a plain line every twentieth of the run.

    Args:
        lines: Number of plain lines in a run whose output is no terminal.
    """

    priority = 'BELOW_NORMAL'

    def __init__(self, lines: int = 20) -> None:
        self.lines = lines
        self._bar: Progress | None = None

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self._loss, self._rate = None, None
        self._unread, self._images = Unread(), 0
        self._text = ''
        self._since = time.perf_counter()
        self._done_before = runner.iter
        self._open('train', runner.max_iters, runner.iter)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: list[dict] | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Advance by one optimiser step.

        Args:
            runner: The runner.
            batch_idx: The step, counted from 0.
            data_batch: The data of the step's passes.
            outputs: Log of the step; `loss` is a scalar.
        """
        loss = {'loss': outputs['loss']}
        images = get_world_size() * sum(len(batch['data_samples']) for batch in data_batch or ())
        self._unread.add(loss)
        self._images += images
        step, last = runner.iter + 1, runner.max_iters
        due = step % max(1, last // self.lines) == 0 or step == last
        if are_due(runner, loss) or (due and self._bar is None):
            self._read()
        left = (last - step) * images / max(self._rate or 0, 1e-9)
        line = f'iteration {step}/{last}  {self._text}  {clock(left)} left'
        self._advance(step, line, self._text, due)

    def _read(self) -> None:
        """Take up loss and speed of the steps since the last reading."""
        losses = [step['loss'] for step in self._unread.read()]
        for loss in losses:
            self._loss = _smooth(self._loss, loss)
        now = time.perf_counter()
        rate = self._images / max(now - self._since, 1e-9)
        self._since, self._images = now, 0
        self._rate = _smooth(self._rate, rate, steps=len(losses))
        self._text = f'loss {self._loss:.4f}  {self._rate:.1f} images/s'

    def before_val(self, runner: Runner) -> None:
        """The bar of the validation takes over."""
        self._open('val', len(runner.val_dataloader), 0)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Advance by one batch."""
        self._advance(batch_idx + 1)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """One line of results; training's bar comes back and its clock skips the validation."""
        self._close()
        text = '  '.join(f'{key} {shown(value)}' for key, value in numbers(metrics).items())
        say(f'iteration {runner.iter}/{runner.max_iters}  val: {text}')
        if runner.iter < runner.max_iters:
            self._since, self._images = time.perf_counter(), 0
            self._open('train', runner.max_iters, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Leave a clean console."""
        self._close()

    def before_requeue(self, runner: Runner) -> None:
        """Leave a clean console."""
        self._close()

    def before_test(self, runner: Runner) -> None:
        """The bar of the test."""
        self._open('test', len(runner.test_dataloader), 0)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Advance by one batch."""
        self._advance(batch_idx + 1)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Leave a clean console."""
        self._close()

    def _open(self, name: str, total: int, done: int) -> None:
        self._close()
        if not (console().is_terminal and is_main_process()):
            return
        columns: list[Any] = [TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn()]
        columns += [TextColumn('{task.fields[text]}'), TimeRemainingColumn()]
        self._bar = Progress(*columns, console=console(), transient=True)
        self._task = self._bar.add_task(name, total=total, completed=done, text='')
        self._bar.start()

    def _advance(self, done: int, line: str = '', text: str = '', due: bool = False) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, text=text)
        elif due:
            say(line)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _smooth(former: float | None, value: float, steps: int = 1) -> float:
    kept = _SMOOTHING**steps
    return value if former is None else kept * former + (1 - kept) * value
