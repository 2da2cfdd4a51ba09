"""How much of the machine's memory a process can still take, and a fence at that line."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Limit, use, and the part of the use that the system gives back when it is needed: the cache of
# files. Of control groups version 2 and version 1.
_CONTROL_GROUPS = (
    ('/sys/fs/cgroup', 'memory.max', 'memory.current', 'inactive_file'),
    (
        '/sys/fs/cgroup/memory',
        'memory.limit_in_bytes',
        'memory.usage_in_bytes',
        'total_inactive_file',
    ),
)


def available_memory() -> int | None:
    """Bytes that the machine, or the container around this process, has left.

    None where the system does not tell.
    """
    found = [_from_proc('/proc/meminfo', 'MemAvailable')]
    for folder, limit, used, cache in _CONTROL_GROUPS:
        try:
            left = int(Path(folder, limit).read_text()) - int(Path(folder, used).read_text())
        except (OSError, ValueError):  # no such group, or no limit ("max")
            continue
        found.append(left + _cached(Path(folder, 'memory.stat'), cache))
    known = [value for value in found if value is not None]
    return max(0, min(known)) if known else None


def peak_memory() -> int:
    """The most bytes of memory that this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == 'darwin' else 1024)  # bytes there, KiB on Linux


@contextmanager
def memory_fence(processes: int = 1) -> Iterator[None]:
    """Refuse what does not fit into memory instead of being killed for it.

    Inside the block an allocation beyond the memory that is available raises MemoryError (numpy)
    or RuntimeError (torch), where the system can do that (Linux).

    Args:
        processes: How many share the available memory.
    """
    available, used = available_memory(), _from_proc('/proc/self/status', 'VmData')
    if available is None or used is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    fence = used + available // processes
    if soft != resource.RLIM_INFINITY:
        fence = min(fence, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (fence, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _cached(path: Path, key: str) -> int:
    """Bytes of files in the cache of a control group."""
    try:
        lines = (line.split() for line in path.read_text().splitlines())
        return next((int(value) for name, value in lines if name == key), 0)
    except (OSError, ValueError):
        return 0


def _from_proc(path: str, key: str) -> int | None:
    """A value of a /proc file that is given in kB, in bytes."""
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(f'{key}:'):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
