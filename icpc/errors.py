"""The one error that tools show to the user without a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can put right; the message says what and how."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return '; did you mean X?' for the nearest choice, or an empty string.

    Args:
        word: What the user wrote.
        choices: What would have been accepted.
    """
    choices = [str(choice) for choice in choices]
    lowered = {choice.lower(): choice for choice in choices}
    near = get_close_matches(str(word).lower(), list(lowered), n=1, cutoff=0.55)
    return f'; did you mean {lowered[near[0]]}?' if near else ''
