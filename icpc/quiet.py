"""Imports the MM packages without the lines that they print about parts that nobody here needs."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallows warnings, log records and printed lines; exceptions pass."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sink = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(sink),
            contextlib.redirect_stderr(sink),
        ):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(disabled)


with quiet():  # mmseg.models tries mmpretrain, compiled operators and more, and prints each miss.
    import mmseg.datasets
    import mmseg.models  # noqa: F401
