"""An error in one line, for what must not end a run."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_STANDARD = Path(sysconfig.get_paths()['stdlib']).resolve()


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
    return [call for call in calls if _is_own(Path(call.filename))]


def _is_own(path: Path) -> bool:
    library = {'site-packages', 'dist-packages'} & set(path.parts)
    return path.is_relative_to(_PACKAGE) or not (library or path.is_relative_to(_STANDARD))
