"""The one console that the tools print to: ours alone, rank 0 alone."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from rich.console import Console

_CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')
_PLAIN_WIDTH = 120  # characters of a line in a log file


@cache
def console() -> Console:
    """Standard output; wide enough for the tables when it is not a terminal."""
    return Console(
        highlight=False, markup=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH
    )


def say(text: Any) -> None:
    """Print text or a rich renderable once, from rank 0."""
    if is_main_process():
        plain = isinstance(text, str)
        console().print(visible(text) if plain else text, markup=False, soft_wrap=plain)


def visible(text: str) -> str:
    """Text whose control characters a terminal shows and does not obey; lines and tabs stay."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


@cache
def say_once(text: str) -> None:
    """Print a text the first time that this process says it."""
    say(text)


@contextmanager
def muted() -> Iterator[None]:
    """Print nothing inside the block."""
    former = console().quiet
    console().quiet = True
    try:
        yield
    finally:
        console().quiet = former


def silence_console() -> None:
    """Let mmengine print nothing before a Runner exists, through a logger of its own."""
    MMLogger.get_current_instance().handlers = [logging.NullHandler()]


class _Say(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def show_notes() -> None:
    """Print what icpc's modules log (parts left out, fallbacks), and no warnings of libraries."""
    notes = logging.getLogger('icpc')
    notes.setLevel(logging.INFO)
    notes.propagate = False
    notes.handlers = [_Say()]
