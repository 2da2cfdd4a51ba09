"""How far work on many pictures is, its rate, and the time left."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from .messages import console, say
from .numbers import clock

_LINES = 10  # of work whose output is no terminal


@contextmanager
def picture_bar(name: str, count: int | None, lines: bool = True) -> Iterator[Callable[[], None]]:
    """Give what counts one picture more.

    Args:
        name: Of the work.
        count: Pictures, None where that is not known; there is no bar for fewer than two.
        lines: Whether a line comes every tenth where the output is no terminal.
    """
    began, done = time.perf_counter(), 0
    each = None if count is None or not lines else max(1, count // _LINES)
    hidden = not console().is_terminal or (count is not None and count < 2)
    columns = TextColumn(name), BarColumn(), MofNCompleteColumn(), TextColumn('{task.fields[rate]}')
    with Progress(*columns, console=console(), disable=hidden) as bar:
        task = bar.add_task(name, total=count, rate='')

        def advance() -> None:
            nonlocal done
            done += 1
            rate = done / (time.perf_counter() - began)
            left = '' if count is None else f'  {clock((count - done) / rate)} left'
            bar.update(task, advance=1, rate=f'{rate:.1f} pictures/s{left}')
            if hidden and each and done % each == 0:
                say(f'{name} {done}/{count}  {rate:.1f} pictures/s{left}')

        yield advance
