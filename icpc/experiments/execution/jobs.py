"""Runs a study's trainings: each its own process, in parallel, resumed where they were killed."""

import fcntl
import shlex
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from ...console.messages import say
from ...errors import INTERRUPTED, REQUEUED, ToldToStop
from ..study.runs import PlannedRun
from .workers import Workers

OUTPUT = 'output.txt'
_LOCK = '.lock'
_POLL = 0.2  # seconds
_GRACE = 120  # seconds that a run has to save itself after SIGTERM
_TAIL = 12  # lines shown of a failed run


class Stopped(ToldToStop):
    """The tool was told to stop, and has told its runs."""

    def __init__(self, name: str) -> None:
        super().__init__(f'{name}: stopped; the same command goes on from here')
        self.exit_code = INTERRUPTED if name == 'SIGINT' else REQUEUED


@dataclass
class Job:
    """The process that makes a run.

    Attributes:
        run: The run.
        process: The process of its training.
        slot: The place among the processes at a time, counted from 0.
        began: When it was started, in seconds since the epoch.
        failed: Whether the process has ended and left no result.
    """

    run: PlannedRun
    process: subprocess.Popen
    slot: int
    began: float
    failed: bool = False

    @property
    def tail(self) -> str:
        """The last lines that it printed."""
        lines = (self.run.work_dir / OUTPUT).read_text(errors='replace').splitlines()
        return '\n'.join(lines[-_TAIL:])


def execute(
    runs: Sequence[PlannedRun], workers: Workers, on_end: Callable[[Job], None]
) -> list[Job]:
    """Make the runs that are not finished; one that fails does not stop the others.

    A run that another process is making (its work directory is locked) is waited for; one that a
    signal stopped and that saved itself goes on from there.

    Args:
        runs: The runs.
        workers: What makes them.
        on_end: Called after each.

    Returns:
        Those that failed.

    Raises:
        Stopped: After SIGINT, SIGTERM or SIGHUP; the processes get SIGTERM.
    """
    waiting, active, failed, told = deque(runs), [], [], set()
    with _stoppable(active):
        while waiting or active:
            for job in [job for job in active if job.process.poll() is not None]:
                active.remove(job)
                job.failed = not job.run.finished
                if job.failed and job.process.returncode == ToldToStop.exit_code:
                    say(f'{job.run.name}: stopped by a signal and saved, goes on')
                    waiting.append(job.run)
                    continue
                failed += [job] if job.failed else []
                on_end(job)
            for _ in range(len(waiting) if len(active) < workers.jobs else 0):
                run = waiting.popleft()
                if not _begin(run, workers, active):
                    waiting.append(run)
                    if len(active) < workers.jobs and run not in told:
                        say(f'{run.name}: another process is making it, waiting')
                        told.add(run)
            time.sleep(_POLL)
    return failed


@contextmanager
def _stoppable(active: list[Job]) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into SIGTERM for the runs, which may save themselves.

    Not SIGHUP where it is ignored, as nohup has it.
    """

    def stop(number: int, frame: object) -> None:
        raise Stopped(signal.Signals(number).name)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    former = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    except BaseException:
        _terminate(active)
        raise
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _terminate(active: list[Job]) -> None:
    for job in active:
        job.process.terminate()
    limit = time.time() + _GRACE
    for job in active:
        try:
            job.process.wait(max(0.0, limit - time.time()))
        except subprocess.TimeoutExpired:
            job.process.kill()


def _begin(run: PlannedRun, workers: Workers, active: list[Job]) -> bool:
    """Start a run; false when it has to wait for a slot or for another process."""
    if run.finished:
        return True
    if len(active) == workers.jobs:
        return False
    run.work_dir.mkdir(parents=True, exist_ok=True)
    with (run.work_dir / _LOCK).open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if not run.finished:
            slot = min(set(range(workers.jobs)) - {job.slot for job in active})
            active.append(_start(run, workers, slot, lock))
    return True


def _start(run: PlannedRun, workers: Workers, slot: int, lock: IO[str]) -> Job:
    """The process inherits the lock, which holds as long as it lives, even when this one dies."""
    command = workers.command(run)
    with (run.work_dir / OUTPUT).open('a') as output:
        output.write(f'$ {shlex.join(command)}\n')
        output.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=workers.environment(slot),
            pass_fds=(lock.fileno(),),
            start_new_session=True,
        )
    return Job(run, process, slot, time.time())
