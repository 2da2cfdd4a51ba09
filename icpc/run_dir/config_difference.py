"""What differs between two nested values, such as two configs or two records."""

from collections.abc import Iterator
from typing import Any

Change = tuple[str, Any, Any]  # dotted key, former value, new value


def changes(old: Any, new: Any, path: str = '') -> Iterator[Change]:
    """Yield each value that differs; a missing key counts as None.

    Dictionaries are opened, and so are lists of dictionaries that are equally long.

    Args:
        old: Plain containers.
        new: Plain containers.
        path: The dotted key of both.
    """
    pairs = _inside(old, new)
    if pairs is None and old != new:
        yield path, old, new
    for key, one, other in pairs or ():
        yield from changes(one, other, f'{path}.{key}'.lstrip('.'))


def _inside(old: Any, new: Any) -> list[tuple[Any, Any, Any]] | None:
    """The parts of two containers, (key, old, new) of each; None for values that have no parts."""
    both = (old, new)
    if all(value is None or isinstance(value, dict) for value in both) and (old or new):
        old, new = old or {}, new or {}
        return [(key, old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])]
    if all(isinstance(value, list) for value in both) and len(old) == len(new):
        items = list(zip(range(len(old)), old, new, strict=True))
        return items if any(isinstance(item, dict) for item in [*old, *new]) else None
    return None
