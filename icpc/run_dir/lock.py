"""One writer of a folder at a time."""

import errno
import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..console.messages import say
from ..errors import UserError

NAME = '.writer'  # in the folder, while someone writes there
_HELD = (errno.EAGAIN, errno.EACCES)  # POSIX allows both
_PATIENCE = 2.0  # seconds that the other has to write its name into the file that it has locked
_LOOK = 0.02


@contextmanager
def only_writer(folder: Path, task: str = 'trains', option: str = '--work-dir') -> Iterator[None]:
    """Hold a folder while the block writes there.

    The lock is the system's (POSIX), so it ends with its process however that ends: no file, no
    process id that was given to another process since, and no child keeps it. The system looks
    after it for all containers of a machine, whatever their process ids and host names, and on
    network file systems that lock for all machines. What the block leaves empty goes again.

    Args:
        folder: It is made where it is missing.
        task: What this process does there, for the message that another one gets.
        option: That takes another folder.

    Raises:
        UserError: Another process writes there; it names process and host.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    path = folder / NAME
    try:
        with _locked(path, option) as file:
            file.write(f'process {os.getpid()} on {platform.node()} {task}')
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)  # while it is held: whoever waits sees that it is gone
    finally:
        for empty in made:
            with suppress(OSError):  # it holds something
                empty.rmdir()


def _locked(path: Path, option: str) -> IO[str]:
    """The open file, which is this process's alone, and empty."""
    until = time.monotonic() + _PATIENCE
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # a writer that was refused took the folder away
            file = path.open('a+')
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _HELD:
                    say(
                        f'note: {path.parent} is on a file system that cannot lock '
                        f'({error.strerror}): start no second run in it'
                    )
                    return file
                file.seek(0)
                holder = file.read().strip()
                file.close()
                if holder or time.monotonic() > until:
                    raise UserError(
                        f'{path.parent}: {holder or "another process writes"} there; wait until it '
                        f'has ended, or give another {option}'
                    ) from None
                time.sleep(_LOOK)  # it has the lock and says who it is in a moment
                continue
            if _is_there(path, file):
                file.truncate(0)  # of a process that was killed
                return file
            file.close()  # its former holder has taken it away meanwhile


def _is_there(path: Path, file: IO[str]) -> bool:
    """Whether the path is still that of the open file."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    return False
