"""Temporary files are held by who writes them, so that what is left of a killed one is known."""

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_NAME = re.compile(r'\..+\.\d+\.tmp')
_OLD = 24 * 60 * 60  # seconds; where the file system cannot lock, nobody writes for so long


def hold(path: Path) -> BinaryIO:
    """Make a temporary file that nobody removes before it is closed or its process has ended.

    The lock is the system's: it says more than a process id, which another process, another
    container or another machine may have, too.

    Args:
        path: As `.NAME.NUMBER.tmp`.

    Returns:
        The empty file, open for writing.
    """
    while True:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        file = os.fdopen(handle, 'wb')
        with suppress(OSError):  # it cannot lock
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(handle)):
                os.truncate(handle, 0)
                return file
        file.close()  # it was taken for one that is left, before it was held


def remove_temporary_files(folder: Path) -> None:
    """Remove what a process that was killed while writing left in a folder.

    Args:
        folder: Temporary files that a living process holds there stay.
    """
    for path in Path(folder).glob('.*.tmp'):
        if not _NAME.fullmatch(path.name):
            continue
        with suppress(OSError), path.open('r+b') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError:
                if time.time() - path.stat().st_mtime < _OLD:
                    continue
            path.unlink()
