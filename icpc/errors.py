"""The one error that tools show without a traceback, and where a mistake of own code stands."""

import re
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_OURS = (_PACKAGE, _PACKAGE.parent / 'tools', Path(sysconfig.get_path('stdlib')).resolve())
INSTALLED = {'site-packages', 'dist-packages'}
# torch hands on what a loader's process raised as the text of its traceback.
_WORKER = 'Original Traceback (most recent call last):'
_FRAME = re.compile(r'^  File "(.+)", line (\d+), in .*\n', re.MULTILINE)


REFUSED, REQUEUED = 2, 75  # exit codes: as argparse's, and EX_TEMPFAIL of sysexits.h (try again)
INTERRUPTED = 130  # of shells, after SIGINT


class UserError(Exception):
    """Something the user can put right; the message says what and how."""


class ToldToStop(BaseException):
    """The work was told to stop and has saved itself; the message says how it goes on."""

    exit_code = REQUEUED


# What ends a program from outside passes through the user's code; what that raises itself does not.
PASSES = (KeyboardInterrupt, ToldToStop)


class Requeue(ToldToStop, Exception):
    """A training was told to stop and has saved itself; the same command with --resume goes on."""

    def __init__(self) -> None:
        super().__init__('stopped as told, and saved; the same command with --resume goes on')


def did_you_mean(word: str, choices: Iterable[str], most: int = 1) -> str:
    """Return '; did you mean X?' for the nearest choices, or an empty string.

    Args:
        word: What the user wrote.
        choices: What would have been accepted.
        most: The largest number of choices to name.
    """
    choices = [str(choice) for choice in choices]
    lowered = {choice.lower(): choice for choice in choices}
    near = get_close_matches(str(word).lower(), list(lowered), n=most, cutoff=0.55)
    return f'; did you mean {" or ".join(lowered[name] for name in near)}?' if near else ''


def place_of(error: BaseException) -> str | None:
    """Where an exception came up in the user's own code, as `file:line`.

    It is the last place that belongs neither to icpc and its tools nor to an installed library, in
    the exception or in the one that it was raised from; the traceback of a loader's process, which
    torch hands on as text, is read too.

    Returns:
        None where no own code took part.
    """
    found = _own(error)
    return found and found[0]


def own_fault(error: BaseException) -> UserError | None:
    """The message about an exception of the user's own code, None for any other exception."""
    found = _own(error)
    return found and UserError(f'{found[0]}: {described(found[1])}')


def _own(error: BaseException) -> tuple[str, BaseException] | None:
    for one in _chain(error):
        if isinstance(one, SyntaxError) and _is_own(one.filename or ''):
            return f'{one.filename}:{one.lineno}', one
        own = [place for place in _places(one) if _is_own(place[0])]
        if own:
            return '{}:{}'.format(*own[-1]), one
    return None


def described(error: BaseException) -> str:
    """Type and message of an exception; of one from a loader's process what it was there."""
    if isinstance(error, SyntaxError) and error.filename:
        return f'{type(error).__name__}: {error.msg}'
    if isinstance(error, SystemExit):
        return f'it ends the program (sys.exit) with {error.code!r}; take that out'
    text = str(error)
    if _WORKER not in text:
        return f'{type(error).__name__}: {text}'
    return _last_words(text)


def message_of(error: BaseException) -> str:
    """The message of an exception without its type; of one from a loader's process likewise."""
    text = str(error)
    return _last_words(text).partition(': ')[2] if _WORKER in text else text


def as_refusal(error: Exception, key: str, cannot: str = 'be built') -> UserError | None:
    """What to say of an exception that came up while a part of a config was built.

    Parts refuse their arguments by ValueError, whose words are enough; of what a library raises the
    type and the place are told, too.

    Args:
        error: As it was raised.
        key: What was built.
        cannot: What was done with it where it was not built.

    Returns:
        The message; None for a fault of icpc's own, which shows its traceback.
    """
    if isinstance(error, UserError):
        return error
    fault = own_fault(error)
    refuses = isinstance(error, (ValueError, FileNotFoundError))
    if fault is not None or (raised_by_us(error) and not refuses):
        return fault
    text = ' '.join(str(error).split())
    words = text if refuses and text else in_one_line(error)
    return UserError(f'{key} cannot {cannot}: {words}')


def raised_by_us(error: BaseException) -> bool:
    """Whether an exception came up in icpc itself, not in what it calls."""
    places = list(_places(error))
    return bool(places) and _PACKAGE in Path(places[-1][0]).resolve().parents


def in_one_line(error: BaseException) -> str:
    """Type, message and place: `ValueError: not so (/home/me/my_hook.py:12)`.

    Args:
        error: As it was raised; the place is the innermost one outside the libraries.
    """
    calls = traceback.extract_tb(error.__traceback__)
    place = next(reversed(own_calls(calls) or calls), None)
    text = f'{type(error).__name__}: {" ".join(str(error).split())}'
    return text if place is None else f'{text} ({place.filename}:{place.lineno})'


def own_calls(calls: Iterable[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """Those inside icpc or the user's code, neither Python's nor an installed library's."""
    return [call for call in calls if _is_no_library(Path(call.filename))]


def _is_no_library(path: Path) -> bool:
    library = INSTALLED & set(path.parts) or path.is_relative_to(_OURS[-1])
    return path.is_relative_to(_PACKAGE) or not library


@contextmanager
def refusing(key: str) -> Iterator[None]:
    """Turn what comes up while a part is built into a `UserError` that names the part.

    Args:
        key: The key of the config.
    """
    try:
        yield
    except Exception as error:
        refusal = as_refusal(error, key)
        if refusal is None or refusal is error:
            raise  # as it is: an exception that is its own cause would have no end
        raise refusal from error


def is_interruption(error: BaseException) -> bool:
    """Whether it is Ctrl-C, or what a library makes of it that catches everything."""
    return any(isinstance(one, KeyboardInterrupt) for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _places(error: BaseException) -> Iterator[tuple[str, int]]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield frame.filename, frame.lineno
    text = str(error)
    if _WORKER in text:
        yield from ((file, int(line)) for file, line in _FRAME.findall(text))


def _is_own(file: str) -> bool:
    path = Path(file)
    # Compiled libraries name sources that are not there.
    if not INSTALLED.isdisjoint(path.parts) or not path.is_file():
        return False
    return not any(folder in path.resolve().parents for folder in _OURS)


def _last_words(text: str) -> str:
    """`Type: message` at the end of a traceback's text."""
    last = list(_FRAME.finditer(text))[-1:]
    lines = text[last[0].end() if last else text.index(_WORKER) + len(_WORKER) :].splitlines()
    while lines and (not lines[0].strip() or lines[0][0] == ' '):
        lines.pop(0)
    return '\n'.join(lines).strip()
