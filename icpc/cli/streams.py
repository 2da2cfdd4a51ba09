"""Output that nobody takes is lost, and no work with it: `| head`, a closed terminal, /dev/full."""

import io
import os
import sys
from contextlib import suppress

_CLOSED = -1


class _Patient(io.RawIOBase):
    """Writes to a file descriptor; what cannot be written is dropped.

    Args:
        descriptor: Of the file; one that is closed takes everything and keeps nothing.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        """As every output."""
        return True

    def write(self, data: bytes) -> int:
        """All of it."""
        rest = memoryview(data).cast('B')
        size = len(rest)
        with suppress(OSError):
            while rest and self._descriptor != _CLOSED:
                rest = rest[os.write(self._descriptor, rest) :]
        return size

    def fileno(self) -> int:
        """The descriptor."""
        if self._descriptor == _CLOSED:
            raise OSError('closed')
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._descriptor != _CLOSED and os.isatty(self._descriptor)


def keep_working() -> None:
    """Let standard output and error fail without a word, and characters that they lack be escaped.

    Streams that something else put in their place stay. Where a descriptor is closed /dev/null
    takes its number: a file of the run would get it otherwise, and what libraries print with it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                null = os.open(os.devnull, os.O_RDWR)
                if null != descriptor:
                    os.dup2(null, descriptor)
                    os.close(null)
    for name, descriptor in (('stdout', 1), ('stderr', 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _text(_CLOSED, 'utf-8', False))
        elif stream is getattr(sys, f'__{name}__') and not isinstance(_raw(stream), _Patient):
            with suppress(OSError):
                stream.flush()
            setattr(sys, name, _text(descriptor, stream.encoding, stream.line_buffering))


def _raw(stream: io.TextIOBase) -> object:
    return getattr(getattr(stream, 'buffer', None), 'raw', None)


def _text(descriptor: int, encoding: str, by_line: bool) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(_Patient(descriptor))
    return io.TextIOWrapper(buffer, encoding, 'backslashreplace', line_buffering=by_line)
