"""Comparing what is recorded as text: lists of names, and numbers by name."""

from collections.abc import Mapping
from typing import Any

_NONE = 1e-30


def text_error(ours: Any, recorded: Any) -> float:
    """The largest difference of named numbers over their largest, else the share that differs.

    Args:
        ours: A mapping of names to numbers, None for none; or names, in lists of any depth.
        recorded: The same as JSON gives it.
    """
    if isinstance(ours, Mapping):
        if not isinstance(recorded, Mapping) or ours.keys() != recorded.keys():
            return float('inf')
        if any((ours[name] is None) != (recorded[name] is None) for name in ours):
            return float('inf')
        known = [name for name in ours if ours[name] is not None]
        if all(isinstance(ours[name], (int, float)) for name in known):
            largest = max((abs(recorded[name]) for name in known), default=0.0)
            differences = [abs(ours[name] - recorded[name]) for name in known]
            if any(one != one for one in differences):
                return float('inf')
            return max(differences, default=0.0) / max(largest, _NONE)
        return max(text_error(ours[name], recorded[name]) for name in known)
    mine, theirs = _flat(ours), _flat(recorded)
    if len(mine) != len(theirs):
        return float('inf')
    differing = sum(a != b for a, b in zip(mine, theirs, strict=True))
    return differing / max(len(mine), 1)


def _flat(value: Any) -> list[Any]:
    """The leaves of lists, with what parts the lists."""
    if not isinstance(value, (list, tuple)):
        return [value]
    return ['[', *(leaf for one in value for leaf in _flat(one)), ']']
