"""Files that are the old or the new one, never a part, also when the disk is full."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import UserError
from .system_errors import NO_ROOM, in_words, reason_of
from .temporary_files import hold

_MIB = 2**20


class Replacing:
    """Opens a temporary file that takes `path`'s place when the block ends without an error.

    Args:
        path: The path of the file.
        size: Bytes that it will take, None where that is not known.

    Raises:
        UserError: When it cannot be written; `path` is untouched and the temporary file is gone.
    """

    def __init__(self, path: Path, size: int | None = None) -> None:
        self.path = Path(path)
        self.size = size
        self.temporary = self.path.with_name(f'.{self.path.name}.{os.getpid()}.tmp')

    def __enter__(self) -> _Watched:
        try:
            self.file = _Watched(self.temporary)
        except OSError as error:
            raise self._refusal(error) from error
        return self.file

    def __exit__(self, kind: type | None, raised: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                self.file.sync()
                os.replace(self.temporary, self.path)
                _sync_folder(self.path.parent)
        except OSError as error:
            self.file.error = error
        self.file.close()
        if kind is not None or self.file.error is not None:
            refusal = None if self.file.error is None else self._refusal(self.file.error)
            self.temporary.unlink(missing_ok=True)
            if refusal is not None:
                raise refusal from self.file.error

    def _refusal(self, error: OSError) -> UserError:
        needed = '' if self.size is None else f'{self.size / _MIB:.1f} MiB needed, '
        free = shutil.disk_usage(self.path.parent).free if self.path.parent.is_dir() else 0
        room = f' ({needed}{free / _MIB:.1f} MiB free with what was written of it)'
        fix = 'make room' if error.errno in NO_ROOM else 'put that right'
        return UserError(
            f'{self.path.parent}: cannot write {self.path.name}, {reason_of(error)}'
            f'{room if error.errno in NO_ROOM else ""}. What was there is untouched; {fix}, and '
            'start again (a training with --resume)'
        )


def write_text_atomically(text: str, path: Path) -> None:
    """Replace a small text file: it is the old one or the new one, never a part."""
    with Replacing(path, len(text)) as file:
        file.write(text.encode())


@contextmanager
def put_in_place(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder that becomes `path` unless the block raises.

    Args:
        path: The file to replace; what was there stays when the block raises.
    """
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    with hold(temporary):
        try:
            yield temporary
            if not temporary.stat().st_size:
                raise FileNotFoundError(f'{path}: nothing was written')
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def without_room(folder: Path) -> Iterator[None]:
    """Turn the system's error of a full disk, met anywhere inside, into a `UserError`.

    Args:
        folder: Where the block writes.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise UserError(
            f'{folder}: {reason_of(error)} ({shutil.disk_usage(folder).free / _MIB:.1f} MiB '
            'free). What was saved is untouched; make room and go on with --resume'
        ) from error


def read_json(
    path: Path,
    remedy: str = 'put back a whole copy, or move the file away: checkpoints are resumed without '
    'it too',
) -> dict[str, Any]:
    """The JSON object that a file holds.

    Args:
        path: The file, which must be there.
        remedy: What to do when it is damaged.

    Raises:
        UserError: When the file is cut or damaged.
    """
    try:
        value = json.loads(path.read_text())
    except OSError as error:
        raise UserError(in_words(error) or f'{path}: {error}') from error
    except (ValueError, RecursionError) as error:  # no UTF-8 or JSON; too many digits or brackets
        raise UserError(f'{path}: is cut or damaged ({error}); {remedy}') from error
    if not isinstance(value, dict):
        raise UserError(f'{path}: is cut or damaged (no JSON object); {remedy}')
    return value


class _Watched:
    """A file that remembers the error of the system: torch.save raises another one in its place."""

    def __init__(self, path: Path) -> None:
        self._file = hold(path)
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """As a file's."""
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """As a file's."""
        try:
            self._file.flush()
        except OSError as error:
            self.error = error
            raise

    def sync(self) -> None:
        """Wait until everything is on disk."""
        self.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close; what could not be written has been noted before."""
        try:
            self._file.close()
        except OSError as error:
            self.error = self.error or error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
