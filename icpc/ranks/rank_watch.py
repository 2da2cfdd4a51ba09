"""Ends a rank that stands still for too long, and says where."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

from ..errors import UserError, own_calls

MINUTES = 30.0  # our choice; a validation batch or a checkpoint that takes longer is rare
_LOOKS = 50  # times that it looks while the limit passes


class RankWatch:
    """A thread that ends the process when its main thread gives no sign of life.

    A rank that waits for another one (a collective operation that the other never comes to) would
    wait for ever. Each rank watches itself alone, so that all of them say where they stand: those
    that wait, and the one that they wait for.

    Args:
        minutes: Longest time between two signs of life.
        rank: Of this process.
        ranks: Of all processes.
        end: Called with the message; by default it is printed and the process ends with code 1.
    """

    def __init__(
        self,
        minutes: float,
        rank: int,
        ranks: int,
        end: Callable[[str], None] | None = None,
    ) -> None:
        self.minutes = minutes
        self._name = f'rank {rank} of {ranks}'
        self._end = end or _end
        self._main = threading.main_thread().ident
        self._over = threading.Event()
        self.note('the start, where all ranks meet')

    def note(self, phase: str) -> None:
        """A sign of life.

        Args:
            phase: What the rank does from here on.
        """
        self._phase, self._since = phase, time.monotonic()

    @property
    def place(self) -> str:
        """Rank and phase, for messages."""
        return f'{self._name}, {self._phase}'

    def start(self) -> RankWatch:
        """Begin to look."""
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def stop(self) -> None:
        """Look no longer."""
        self._over.set()

    def _look(self) -> None:
        limit = 60 * self.minutes
        while not self._over.wait(limit / _LOOKS):
            if time.monotonic() - self._since > limit:
                where = _where(sys._current_frames().get(self._main))
                self._end(
                    f'{self._name} stands still for {self.minutes:g} minutes now: {self._phase}'
                    f'{where}. It waits for another rank that hangs, is gone or is that much '
                    'slower, or for its own data or disk; every rank that stands still says where. '
                    'A longer patience: --rank-timeout MINUTES'
                )
                return


def check_minutes(minutes: float) -> None:
    """Raise for a patience that is no positive number of minutes."""
    if not 0 < minutes < math.inf:
        raise UserError(f'--rank-timeout must be a number of minutes above 0, got {minutes}')


def _where(frame: FrameType | None) -> str:
    """The innermost place, and the innermost one that belongs to no library."""
    stack = traceback.extract_stack(frame) if frame is not None else []
    own = own_calls(stack)
    places = [f'{call.filename}:{call.lineno}' for call in own[-1:]]
    places += [f'waiting in {call.name}' for call in stack[-1:] if call not in own[-1:]]
    return f' ({", ".join(places)})' if places else ''


def _end(message: str) -> None:
    print(f'error: {message}', file=sys.stderr, flush=True)
    os._exit(1)
