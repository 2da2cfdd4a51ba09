"""A loader that waits for its processes for a limited time, and says for which one and for what."""

from __future__ import annotations

import re
import signal
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, _utils
from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

from ...errors import Requeue, UserError
from ..preemption import told_to_stop
from .shared_memory import Sharing, check_room

SECONDS = 600.0  # our choice, where the config sets no timeout
_LOOK = 1.0  # seconds between looks at signals and processes
_AFTER_SIGNAL = 20.0  # seconds; torchrun kills after 30 and our Slurm script is told 120 before
_CLOSING = 2.0  # seconds that the processes have to end by themselves
_DYING = 1.0  # seconds until the end of a process is known
_MOST_PICTURES = 4
_STATES = {'T': 'is stopped', 't': 'is stopped by a debugger', 'D': 'waits for a disk'}

_DIED = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (.*)', re.DOTALL)
_RESUME = 'what was saved is whole, --resume goes on from there'


class PatientLoader(DataLoader):
    """A DataLoader whose `timeout`, in seconds, is one for a process that stands still.

    Attributes:
        name: Its key in the config.
    """

    name = 'the loader'

    @classmethod
    def take(cls, loader: DataLoader) -> None:
        """Make a loader, as mmengine builds it, one of this kind."""
        if type(loader) is DataLoader:
            loader.__class__ = cls
            loader.iterators = weakref.WeakSet()
            if loader.num_workers:
                loader.collate_fn = Sharing(loader.collate_fn)

    def _get_iterator(self) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return super()._get_iterator()
        check_room(self)
        iterator = _PatientIterator(self)
        self.iterators.add(iterator)
        return iterator

    def close(self) -> None:
        """End all its processes."""
        for iterator in list(self.iterators):
            iterator._shutdown_workers()


class _PatientIterator(_MultiProcessingDataLoaderIter):
    """Looks are counted and not the time, which goes on while all processes are stopped (Ctrl-Z).

    A batch comes in two parts, what is in it and then, from the process itself, where it is. Of a
    process that stops in between the second part is waited for by the system; a thread sees to it.
    """

    def __init__(self, loader: PatientLoader) -> None:
        self._loader, self._limit = loader, loader.timeout or SECONDS
        self._waited, self._told, self._stands = 0.0, None, False
        self._calls, self._verdict = 0, None  # an odd number while one waits
        self._asked: dict[int, Any] = {}  # batch number: its indices
        self._closed = threading.Event()
        super().__init__(loader)
        self._timeout = 0  # torch's own, which would not look at signals
        threading.Thread(target=_guard, args=(weakref.ref(self), self._closed), daemon=True).start()

    def _next_index(self) -> Any:
        index = super()._next_index()
        self._asked = {key: kept for key, kept in self._asked.items() if key >= self._rcvd_idx}
        self._asked[self._send_idx] = index
        return index

    def _try_get_data(self, timeout: float = _LOOK) -> tuple[bool, Any]:
        """One look; torch looks again until there are data."""
        self._calls += 1
        try:
            success, data = super()._try_get_data(min(timeout, _LOOK))
        except (EOFError, OSError, RuntimeError) as error:  # it may have died meanwhile
            raise self._verdict or self._death() or error from error
        finally:
            self._calls += 1
        if success:
            self._waited, self._told, self._stands = 0.0, None, False
            return success, data
        verdict = self._look(min(timeout, _LOOK))
        if verdict is not None:
            raise verdict
        return False, None

    def _look(self, seconds: float) -> Exception | None:
        """What ends the wait, which is so much longer now."""
        self._waited, self._stands = self._waited + seconds, True
        told, may_leave = told_to_stop()
        if told and may_leave:
            return Requeue()
        if told and self._told is None:
            self._told = self._waited
        after_signal = self._told is not None and self._waited - self._told >= _AFTER_SIGNAL
        if self._waited >= self._limit or after_signal:
            return UserError(self._message(after_signal))
        return None

    def _end_wait(self, seconds: float) -> None:
        """End a wait that the system does, once it is too long."""
        self._verdict = self._look(seconds)
        if self._verdict is not None:
            self._forget_pids()
            self._kill()
            with suppress(Exception):  # the rest of a message that one of them had begun
                self._worker_result_queue._writer.close()

    def _death(self) -> RuntimeError | None:
        """What torch says of a process that died, where it is too early to know."""
        until = time.monotonic() + _DYING
        while time.monotonic() < until:
            for process in self._workers:
                if process.exitcode is not None:
                    how = 'exited unexpectedly'
                    if process.exitcode < 0:
                        how = f'is killed by signal: {signal.strsignal(-process.exitcode)}. '
                    return RuntimeError(f'DataLoader worker (pid {process.pid}) {how}')
            time.sleep(_DYING / 20)
        return None

    def _message(self, told: bool) -> str:
        name, why = self._loader.name, ', and was told to stop meanwhile' if told else ''
        return (
            f'{name}: waited {self._waited:g} seconds for {self._awaited()}{why}. Its disk or '
            f'network hangs, or reading takes so long: {name}.timeout=SECONDS waits longer, '
            f'num_workers=0 reads in this process; {_RESUME}'
        )

    def _awaited(self) -> str:
        """Which process it waits for, what that does, and which pictures it has to read."""
        info = self._task_info.get(self._rcvd_idx)
        if info is None:
            return f'its {self._num_workers} processes to begin'
        process = self._workers[info[0]]
        state = ''
        with suppress(OSError, IndexError):
            fields = Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()
            state = _STATES.get(fields[0], '')
        return (
            f'worker {info[0]} (process {process.pid}{state and f", which {state}"}){self._read()}'
        )

    def _read(self) -> str:
        asked = self._asked.get(self._rcvd_idx)
        if not isinstance(asked, list):
            return ''
        names = [self._name_of(getattr(item, 'index', item)) for item in asked]
        more = f' and {len(names) - _MOST_PICTURES} more' if len(names) > _MOST_PICTURES else ''
        return f' to read {", ".join(names[:_MOST_PICTURES])}{more}'

    def _name_of(self, index: Any) -> str:
        with suppress(Exception):  # data sets of any kind
            return str(self._loader.dataset.get_data_info(index)['img_path'])
        return f'picture {index}'

    def _shutdown_workers(self) -> None:
        """End the processes; one that stands still is killed.

        At the end of Python one that is stopped would be waited for without a limit.
        """
        if self._shutdown or _utils is None or _utils.python_exit_status is not False:
            super()._shutdown_workers()
            return
        self._closed.set()
        self._forget_pids()
        timer = threading.Timer(0.0 if self._stands else _CLOSING, self._kill)
        timer.daemon = True
        timer.start()
        try:
            super()._shutdown_workers()
        finally:
            timer.cancel()

    def _forget_pids(self) -> None:
        """That they die is no failure any more."""
        if self._worker_pids_set:
            _utils.signal_handling._remove_worker_pids(id(self))
            self._worker_pids_set = False

    def _kill(self) -> None:
        for process in self._workers:
            with suppress(Exception):  # it has ended meanwhile
                process.kill()


def _guard(iterator: weakref.ref[_PatientIterator], closed: threading.Event) -> None:
    """Look whether one call takes longer than a look."""
    seen, looks = 0, 0
    while not closed.wait(_LOOK):
        one = iterator()
        if one is None or one._verdict is not None:
            return
        looks = looks + 1 if one._calls == seen and seen % 2 else 0
        seen = one._calls
        if looks > 2:
            one._end_wait(_LOOK)
        del one


def lost_worker(error: BaseException) -> str | None:
    """What to say of an error that comes of a loader's process that died; None for any other.

    torch raises it wherever the main process is when it happens.
    """
    text = str(error)
    died = _DIED.search(text) if isinstance(error, RuntimeError) else None
    if died is not None:
        return f"a loader's process ({died[1]}) {_cause(died[2])}; {_RESUME}"
    if isinstance(error, (RuntimeError, OSError)) and (
        'Too many open files' in text or 'received 0 items of ancdata' in text
    ):
        return (
            'too many open files: raise the limit (ulimit -n 65536), or lower num_workers or '
            f'prefetch_factor of the loaders; {_RESUME}'
        )
    return None


def _cause(text: str) -> str:
    memory = 'lower num_workers, gpu_batch or prefetch_factor of the loaders, or give it more'
    if 'Bus error' in text:
        return (
            'died of a bus error: /dev/shm is full. Start the container with a larger '
            '--shm-size (8g) or with --ipc=host, or lower num_workers'
        )
    if 'Killed' in text:
        return f'was killed, as the system does when memory is used up (dmesg tells): {memory}'
    found = re.search(r'by signal: ([^.]+)\.', text)
    if found:
        return f'was ended by a signal ({found[1].strip()}); num_workers=0 shows where it happens'
    return 'ended by itself; num_workers=0 shows where it happens'
