"""Imports without what libraries print meanwhile."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Swallow what libraries print while they are imported; exceptions pass. Checks cv2 first.

    mmseg tries mmpretrain, compiled operators and more, and prints each miss.
    """
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
            from . import opencv  # noqa: F401

            yield
    finally:
        logging.disable(disabled)
