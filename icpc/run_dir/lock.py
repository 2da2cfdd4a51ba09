"""One writer of a work directory at a time."""

import fcntl
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..console.messages import say
from ..errors import UserError

NAME = '.writer'  # in a work dir; the system gives the lock back when its process ends


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a work directory while the block writes there.

    The lock is the system's, so that it ends with its process, on network file systems too where
    they lock at all. What a dead process left to its children is taken over.

    Args:
        folder: The work directory; it is made where it is missing.

    Raises:
        UserError: Another process writes there; it names process and host.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / NAME) as file:
        file.truncate(0)
        file.write(f'process {os.getpid()} on {platform.node()}')
        file.flush()
        yield


def _locked(path: Path, again: bool = True) -> IO[str]:
    file = path.open('a+')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or 'another process'
    except OSError as error:
        say(f'note: {path.parent} cannot be locked ({error.strerror}); start no second run in it')
        return file
    file.close()
    if again and _is_dead(holder):
        path.unlink(missing_ok=True)
        return _locked(path, again=False)
    raise UserError(
        f'{path.parent}: {holder} trains there; wait until it has ended, or give another --work-dir'
    )


def _is_dead(holder: str) -> bool:
    """Whether the process that took the lock is one of this machine and has ended."""
    match = re.fullmatch(r'process (\d+) on (.*)', holder)
    if match is None or match[2] != platform.node():
        return False
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
