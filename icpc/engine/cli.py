"""Runs a tool's work: clear errors, no noise of libraries."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable

from rich.console import Console

from ..errors import UserError
from . import distributed
from .console import say, show_notes
from .preemption import EXIT_CODE, Requeue

_EXIT_CODE, _LOST = 2, 1  # refused; without the other ranks


def run_tool(work: Callable[[], None], debug: bool = False) -> int:
    """Call `work` and return the exit code.

    Args:
        work: The tool.
        debug: Show tracebacks and the warnings of libraries.
    """
    show_notes()
    if not debug:
        warnings.simplefilter('ignore')
    try:
        work()
        distributed.stop()
    except (UserError, FileNotFoundError) as error:
        if debug:
            raise
        _print_error(str(error))
        _leave_at_once(_EXIT_CODE)
        return _EXIT_CODE
    except RuntimeError as error:
        text = distributed.lost_ranks(error)
        if debug or text is None:
            raise
        _print_error(text)
        _leave_at_once(_LOST)
        return _LOST
    except Requeue:
        say('stopped as told, and saved; the same command with --resume goes on')
        _leave_at_once(EXIT_CODE)
        return EXIT_CODE
    except KeyboardInterrupt:
        Console(stderr=True).print('[bold red]interrupted[/]')
        return 130
    _leave_at_once(0)
    return 0


def _print_error(text: str) -> None:
    Console(stderr=True, highlight=False).print(
        '[bold red]error:[/] ' + text.replace('[', r'\['), soft_wrap=True
    )


def _leave_at_once(code: int) -> None:
    """End one rank of several without tearing the interpreter down.

    A failed rank must not wait for the others, which wait for it; and gloo's threads now and then
    abort a rank that is done ("terminate called without an active exception").
    """
    if int(os.environ.get('WORLD_SIZE', 1)) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
