"""An error in one line, for what must not end a run."""

from __future__ import annotations

import traceback
from pathlib import Path

_LIBRARIES = ('site-packages', 'dist-packages', 'lib/python')


def in_one_line(error: BaseException) -> str:
    """Type, message and place: `ValueError: not so (/home/me/my_hook.py:12)`.

    Args:
        error: As it was raised; the place is the last one outside the installed libraries.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not any(part in Path(f.filename).as_posix() for part in _LIBRARIES)]
    place = next(reversed(own or frames), None)
    text = f'{type(error).__name__}: {" ".join(str(error).split())}'
    return text if place is None else f'{text} ({place.filename}:{place.lineno})'
