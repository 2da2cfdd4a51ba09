"""Whether a model is being written into a file, where the sizes of pictures are symbols."""

from collections.abc import Iterator
from contextlib import contextmanager

_depth = 0


def is_exporting() -> bool:
    """Whether parts must take their plain form: one that asks no size and needs no gradient."""
    return _depth > 0


@contextmanager
def exporting() -> Iterator[None]:
    """A block in which a model is written into a graph."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
