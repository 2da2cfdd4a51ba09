"""Runs a tool's work: clear errors, no noise of libraries."""

import logging
import os
import sys
import warnings
from collections.abc import Callable

from mmengine.logging import MMLogger
from rich.console import Console
from rich.text import Text

from ..console.messages import say, show_notes, visible
from ..errors import (
    INTERRUPTED,
    REFUSED,
    ToldToStop,
    UserError,
    is_interruption,
    message_of,
    own_fault,
)
from ..ranks import distributed
from ..run_dir.fingerprints import PACKAGE
from ..run_dir.provenance import command_line, git_state, versions
from ..system_errors import in_words
from ..training.loading.patient_loader import lost_worker

_LONGEST = 4000  # characters of a message; a value of many thousands is told by its ends
_LOST = 1  # exit code without the other ranks


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
    except ToldToStop as stop:
        say(str(stop))
        _leave_at_once(stop.exit_code)
        return stop.exit_code
    except BaseException as error:
        if is_interruption(error):
            Console(stderr=True).print('[bold red]interrupted[/]')
            _leave_at_once(INTERRUPTED)
            return INTERRUPTED
        lost = distributed.lost_ranks(error) if isinstance(error, RuntimeError) else None
        message, code = (_message(error), REFUSED) if lost is None else (lost, _LOST)
        if message is None:
            _print_error(_about_a_fault())
        if debug or message is None:
            raise
        _print_error(message)
        _leave_at_once(code)
        return code
    _leave_at_once(0)
    return 0


def _print_error(message: str) -> None:
    if len(message) > _LONGEST:
        message = f'{message[: _LONGEST // 2]} [...] {message[-_LONGEST // 4 :]}'
    text = Text.assemble(('error:', 'bold red'), ' ', visible(message))
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)


def _about_a_fault() -> str:
    """What to report besides the traceback."""
    state = git_state(PACKAGE)
    known = [f'{name} {number}' for name, number in versions().items()]
    known += [] if state is None else [f'commit {state["commit"]}']
    logs = [
        handler.baseFilename
        for logger in MMLogger._instance_dict.values()
        for handler in logger.handlers
        if isinstance(handler, logging.FileHandler) and os.path.isfile(handler.baseFilename)
    ]
    return '\n  '.join(
        [
            "a fault of icpc's own, not of what you gave it. Please report it, with",
            'the traceback that follows,',
            f'the command: {command_line(None)}',
            f'the versions: {", ".join(known)}',
            *([f'and the log: {logs[-1]}'] if logs else []),
        ]
    )


def _message(error: BaseException) -> str | None:
    """What the user has to know; None for a fault of ours, which shows its traceback."""
    if isinstance(error, UserError):
        return message_of(error)
    lost = lost_worker(error)
    if lost is not None:
        return lost
    fault = own_fault(error)
    if fault is not None:
        return f'{fault} (--debug shows the whole traceback)'
    if isinstance(error, OSError) and (words := in_words(error)):
        return words
    return message_of(error) if isinstance(error, FileNotFoundError) else None


def _leave_at_once(code: int) -> None:
    """End one rank of several without tearing the interpreter down.

    A failed rank must not wait for the others, which wait for it; and gloo's threads now and then
    abort a rank that is done ("terminate called without an active exception").
    """
    if distributed.several:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
