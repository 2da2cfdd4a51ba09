"""The text of one override's value: Python literals, and mmengine's bare strings and lists."""

import ast
from collections.abc import Iterator
from typing import Any

from ..errors import UserError

_WORDS = {'none': None, 'null': None, 'true': True, 'false': False}
_OPENING = {'(': ')', '[': ']', '{': '}'}
_PLAIN = (str, int, float, list, tuple, dict, type(None))
_DEEPEST = 40  # brackets inside each other; our choice
_SHOWN = 60  # characters of a value in a message


def parse_value(text: str, depth: int = 0) -> Any:
    """Read one value.

    A Python literal is what it is in Python. Names need no quotes: `sky`, `a,b` and `[a,b]` (both
    lists), `dict(type=RandomFlip, prob=0.5)`, `{type: RandomFlip}`. All else is the text itself.

    Args:
        text: What stands behind `=`.
        depth: Brackets around it.

    Raises:
        UserError: For a value that begins with a bracket which is never closed, or for more than
            40 brackets inside each other.
    """
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if depth > _DEEPEST:
        raise UserError(f'more than {_DEEPEST} brackets inside each other')
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return _bare(text, depth)
    if not isinstance(value, _PLAIN):  # a set, bytes, a complex number, an ellipsis
        return text
    return list(value) if isinstance(value, tuple) and text[0] != '(' else value


def _bare(text: str, depth: int) -> Any:
    inside = _inside(text)
    if inside is None:
        items = _split(text, ',')
        return _values(items, depth) if len(items) > 1 else text
    items = [item for item in _split(inside, ',') if item.strip()]
    if text[0] in 'd{':
        pairs = [_split(item, '=' if text[0] == 'd' else ':', most=1) for item in items]
        keys = [parse_value(pair[0]) for pair in pairs if len(pair) == 2]
        if len(keys) < len(pairs) or not all(
            key != '' and isinstance(key, (str, int)) for key in keys
        ):
            return text
        return {key: parse_value(pair[1], depth + 1) for key, pair in zip(keys, pairs, strict=True)}
    return tuple(_values(items, depth)) if text[0] == '(' else _values(items, depth)


def _values(items: list[str], depth: int) -> list[Any]:
    return [parse_value(item, depth + 1) for item in items if item.strip()]


def _inside(text: str) -> str | None:
    """What the brackets hold that are the whole text, None for a text that is something else."""
    start = len('dict') if text.startswith('dict(') else 0
    if text[start : start + 1] not in _OPENING:
        return None
    for position, _, depth in _outside_quotes(text):
        if depth == 0 and position >= start:
            return text[start + 1 : -1] if position == len(text) - 1 else None
    raise UserError(
        f'{text[:_SHOWN]}: the bracket that it begins with is not closed; put the value into '
        "quotes ('...') where it is a text"
    )


def _split(text: str, mark: str, most: int = -1) -> list[str]:
    """Split at the marks that stand in no brackets and no quotes, at the first `most` alone."""
    items, start = [], 0
    for position, char, depth in _outside_quotes(text):
        if char == mark and depth == 0 and len(items) != most:
            items.append(text[start:position])
            start = position + 1
    return [*items, text[start:]]


def _outside_quotes(text: str) -> Iterator[tuple[int, str, int]]:
    """Position, character, and brackets that are open after it.

    A quote opens only where an item begins, so that the apostrophe of "painter's easel" is a
    letter; one that is never closed is a letter too.
    """
    closing: list[str] = []
    end, begins = -1, True
    for position, char in enumerate(text):
        if position <= end:
            continue
        if begins and char in '\'"' and text.find(char, position + 1) > 0:
            end = text.find(char, position + 1)
            begins = False
            continue
        if char in _OPENING:
            closing.append(_OPENING[char])
        elif closing and char == closing[-1]:
            closing.pop()
        begins = char in '([{,:=' or (begins and char == ' ')
        yield position, char, len(closing)
