"""SIGTERM, SIGUSR1, SIGHUP and SIGINT end a training where it goes on later, with a checkpoint."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType, TracebackType
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ..errors import Requeue
from ..ranks import distributed

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT)
_ECHO = 1.0  # seconds in which a second SIGINT is the first one again, on several ranks
_ORPHAN = 5  # seconds between a loader process's looks at its parent
_open: list[StopSignals] = []  # of this process, the innermost last


class StopSignals:
    """Records that a signal came; the former handlers are back after the block.

    Until then nothing else ends the process: who opens the block asks for `came` where it can stop.
    SIGINT (Ctrl-C) alone ends it at once where there is nothing to save, and the second time.

    Attributes:
        name: The name of the signal that came, None before.
        saves: Whether there is something to save.
        may_leave: Whether this process may stop while it waits for its data: nothing that is not
            saved is begun, and no other rank waits for it.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.saves = self.may_leave = False
        self._interrupted: float | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        _open.append(self)
        self.name, self.saves, self.may_leave, self._interrupted = None, False, False, None
        if threading.current_thread() is threading.main_thread():  # Python sets handlers only there
            ours = [number for number in SIGNALS if not _is_deaf(number)]
            self._former = {number: signal.signal(number, self._note) for number in ours}
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}
        _open.remove(self)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if number == signal.SIGINT and not self._is_echo(now):
            if not self.saves or self.came:
                raise KeyboardInterrupt
            self._interrupted = now
            _tell(b'interrupted: saving after this step; once more leaves at once\n')
        self.name = self.name or signal.Signals(number).name

    def _is_echo(self, now: float) -> bool:
        """torchrun hands Ctrl-C on, which the terminal sends to all of its processes."""
        return (
            self._interrupted is not None
            and distributed.several
            and (now - self._interrupted < _ECHO)
        )

    @property
    def came(self) -> bool:
        """Whether this rank was told to stop."""
        return self.name is not None


def _is_deaf(number: int) -> bool:
    """Whether it was started to go on when the terminal is closed (nohup), or in the background."""
    gentle = (signal.SIGHUP, signal.SIGINT)
    return number in gentle and signal.getsignal(number) == signal.SIG_IGN


def _tell(text: bytes) -> None:
    """Write without Python's buffers, which the signal may have come in the middle of."""
    with suppress(OSError):
        os.write(2, text)


def told_to_stop() -> tuple[bool, bool]:
    """Whether this process was told to stop, and whether it may leave while it waits for data."""
    if not _open:
        return False, False
    return _open[-1].came, _open[-1].may_leave


def any_rank(signals: StopSignals) -> bool:
    """Whether one of the ranks, which all ask at the same place, was told to stop."""
    if get_world_size() == 1:
        return signals.came
    flag = torch.tensor(int(signals.came))
    all_reduce(flag, 'max')
    return bool(flag)


class StopEvaluationHook(Hook):
    """Gives an evaluation up when a rank was told to stop; all ranks leave after the same batch.

    It needs a checkpoint of the step, since during an evaluation other weights may be in place (an
    average); without one the evaluation is finished first.

    Args:
        signals: The signals of this rank.
    """

    priority = 'VERY_LOW'

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals
        self._common = 0

    def before_val_epoch(self, runner: Runner) -> None:
        """Ranks may have different numbers of batches: they agree on those that all have."""
        self._agree(runner, len(runner.val_dataloader))

    def before_test_epoch(self, runner: Runner) -> None:
        """The same for the test."""
        self._agree(runner, len(runner.test_dataloader))

    def _agree(self, runner: Runner, count: int) -> None:
        batches = torch.tensor(count if runner.saved_step == runner.iter else 0)
        all_reduce(batches, 'min')
        self._common = int(batches)
        self.signals.may_leave = self._common > 0 and get_world_size() == 1

    def after_val_epoch(self, *_: Any, **__: Any) -> None:
        """What follows may not be left."""
        self.signals.may_leave = False

    def after_test_epoch(self, *_: Any, **__: Any) -> None:
        """The same for the test."""
        self.signals.may_leave = False

    def after_val_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """Raise `Requeue` when it is time to leave."""
        if batch_idx < self._common and any_rank(self.signals):
            raise Requeue

    def after_test_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """The same in the test."""
        self.after_val_iter(runner, batch_idx)


def shield_workers(loader: DataLoader) -> None:
    """Let loader processes ignore the signals, which Slurm sends to every process of a job.

    They obey the process that started them alone.

    Args:
        loader: Before its first iteration.
    """
    loader.worker_init_fn = partial(_start_shielded, loader.worker_init_fn)


def _start_shielded(start: Callable[[int], None] | None, worker: int) -> None:
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()
    if start is not None:
        start(worker)


def _obey(parent: int) -> None:
    """End at the SIGTERM of `parent`, which waits for its children when it ends, or with it."""
    while os.getppid() == parent:
        told = signal.sigtimedwait({signal.SIGTERM}, _ORPHAN)
        if told is not None and told.si_pid == parent:
            break
    os._exit(0)
