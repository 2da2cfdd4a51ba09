"""Ends a process that stands still for too long, and says where."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from ..errors import UserError, own_calls

MINUTES = 30.0  # our choice; a validation batch or a checkpoint that takes longer is rare
_LOOKS = 50  # times that it looks while the limit passes, or more often:
_MOST_SECONDS = 1.0  # between two looks
_STACK = 2**19  # bytes; by default it is 8 MiB of what a run may take
_DEBUGGERS = {'pdb.py', 'bdb.py'}  # they wait for a person


class RankWatch:
    """A thread that ends the process when its main thread gives no sign of life.

    A rank that waits for another one (a collective operation that the other never comes to) would
    wait for ever, as would a process whose disk hangs. Each process watches itself alone, so that
    all ranks say where they stand: those that wait, and the one that they wait for.

    Of several ranks, one whose launcher is gone is told to stop, since nobody else would.

    Args:
        minutes: Longest time between two signs of life.
        rank: Of this process.
        ranks: Of all processes.
        end: Called with the message; by default it is printed and the process ends with code 1.

    Attributes:
        minutes: May be changed at any time.
        ranks: As given.
    """

    def __init__(
        self,
        minutes: float,
        rank: int,
        ranks: int,
        end: Callable[[str], None] | None = None,
    ) -> None:
        self.minutes = minutes
        self.ranks, self._parent = ranks, os.getppid()
        self._name = f'rank {rank} of {ranks}' if ranks > 1 else 'the run'
        self._end = end or _end
        self._main = threading.main_thread().ident
        self._over = threading.Event()
        self._signs, self._thread = 0, None
        self.note('the start, where all ranks meet')

    def note(self, phase: str) -> None:
        """A sign of life.

        Args:
            phase: What the rank does from here on.
        """
        self._phase, self._signs = phase, self._signs + 1

    @property
    def place(self) -> str:
        """Rank and phase, for messages."""
        return f'{self._name}, {self._phase}'

    def start(self) -> RankWatch:
        """Begin to look, unless it does already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, daemon=True)
            former = threading.stack_size(_STACK)
            self._thread.start()
            threading.stack_size(former)
        return self

    def stop(self) -> None:
        """Look no longer."""
        self._over.set()

    def _look(self) -> None:
        stood, seen, last = 0.0, self._signs, time.monotonic()
        while True:
            pause = min(60 * self.minutes / _LOOKS, _MOST_SECONDS)
            if self._over.wait(pause):
                return
            now = time.monotonic()
            # While all of the process is stopped (Ctrl-Z), the clock goes on.
            stood, last = stood + min(now - last, 2 * pause), now
            if self._signs != seen:
                stood, seen = 0.0, self._signs
            if self.ranks > 1 and os.getppid() != self._parent:
                self._follow()
            if stood > 60 * self.minutes:
                frame = sys._current_frames().get(self._main)
                if not _is_debugged(frame):
                    self._end(self._message(_where(frame)))
                    return
                stood = 0.0

    def _message(self, where: str) -> str:
        other = 'another rank that hangs, is gone or is that much slower, or for '
        every = '; every rank that stands still says where' if self.ranks > 1 else ''
        return (
            f'{self._name} stands still for {self.minutes:g} minutes now: {self._phase}{where}. It '
            f'waits for {other if self.ranks > 1 else ""}its own data or disk{every}. A longer '
            'patience: --rank-timeout MINUTES, or rank_timeout in the config'
        )

    def _follow(self) -> None:
        """Leave as after SIGTERM: the launcher was killed, and is no parent any more."""
        self._parent = os.getppid()
        _print(f'{self._name}: its launcher is gone, so it stops, too')
        os.kill(os.getpid(), signal.SIGTERM)


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


def _is_debugged(frame: FrameType | None) -> bool:
    while frame is not None:
        if Path(frame.f_code.co_filename).name in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False


def _print(message: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # nobody listens
        print(f'error: {message}', file=sys.stderr, flush=True)


def _end(message: str) -> None:
    _print(message)
    for child in multiprocessing.active_children():  # one that is stopped would stay
        child.kill()
    os._exit(1)
