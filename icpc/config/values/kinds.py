"""What a value of a config may be: kinds of values, each with its words for a message."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

_LARGEST_SIDE = 2**16  # pixels; our choice, as the next two: a slip of the keys is beyond them
MOST_PICTURES = 2**20  # in a batch
MOST_STEPS = 2**40


class Rule(NamedTuple):
    """What a value may be.

    Attributes:
        holds: Whether a value is such a one.
        text: The same in words, behind "must be".
    """

    holds: Callable[[Any], bool]
    text: str


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _all_are(kind: Callable[[Any], bool], value: Any) -> bool:
    """Whether a value is a list whose items are all of a kind."""
    return isinstance(value, (list, tuple)) and all(map(kind, value))


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def whole(least: int) -> Rule:
    """A whole number from `least` on."""
    return Rule(lambda value: _is_whole(value, least), f'a whole number from {least} on')


def number(least: float) -> Rule:
    """A number from `least` on."""
    return Rule(lambda value: _is_number(value) and value >= least, f'a number from {least:g} on')


def within(least: float, most: float) -> Rule:
    """A number between two, which are included."""
    return Rule(
        lambda value: _is_number(value) and least <= value <= most,
        f'a number from {least:g} to {most:g}',
    )


def _dict_with(key: str, text: str) -> Rule:
    return Rule(lambda value: _is_dict(value) and key in value, text)


def none_or(rule: Rule) -> Rule:
    """None, or what another rule says."""
    return Rule(lambda value: value is None or rule.holds(value), f'{rule.text}, or None')


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, (list, tuple)) else (value,)
    return 1 <= len(sides) <= 2 and all(
        _is_whole(side, 1) and side <= _LARGEST_SIDE for side in sides
    )


def _is_triple(value: Any) -> bool:
    return _all_are(_is_number, value) and len(value) == 3


def _are_parts(value: Any) -> bool:
    return _is_dict(value) or (_all_are(_is_dict, value) and len(value) > 0)


def _scales_nothing(value: Any) -> bool:
    return value is None or (_is_dict(value) and not value.get('enable'))


def whole_to(least: int, most: int) -> Rule:
    """A whole number between two, which are included."""
    return Rule(
        lambda value: _is_whole(value, least) and value <= most,
        f'a whole number from {least} to {most}',
    )


def _are_widths(value: Any) -> bool:
    """Whether a value is a number of channels, or several of them."""
    several = isinstance(value, (list, tuple)) and len(value) > 0
    return all(_is_whole(width, 1) for width in (value if several else (value,)))


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _are_shares(value: Any) -> bool:
    several = _all_are(_is_share, value) and len(value) > 0
    return _is_share(value) or (several and sum(value) <= 1)


def _is_range(value: Any) -> bool:
    return _all_are(_is_number, value) and len(value) == 2 and 0 < value[0] <= value[1]


def _are_steps(value: Any) -> bool:
    return _all_are(lambda step: _is_dict(step) and step.get('type') is not None, value) and bool(
        value
    )


def _are_sizes(value: Any) -> bool:
    return _is_size(value) or (_all_are(_is_size, value) and len(value) > 0)


def _are_factors(value: Any) -> bool:
    sides = value if isinstance(value, (list, tuple)) else (value,)
    return 1 <= len(sides) <= 2 and all(_is_number(side) and side > 0 for side in sides)


ABOVE_ZERO = Rule(lambda value: _is_number(value) and value > 0, 'a number above 0')
SEED = Rule(lambda value: _is_whole(value, 0) and value < 2**32, 'a whole number below 2**32')
SIZE = Rule(_is_size, f'a whole number of pixels from 1 to {_LARGEST_SIDE}, or two of them')
PAIR = Rule(
    lambda value: isinstance(value, (list, tuple)) and len(value) == 2 and _is_size(value),
    f'two whole numbers of pixels from 1 to {_LARGEST_SIDE}, (height, width)',
)
WIDTHS = none_or(Rule(_are_widths, 'a whole number from 1 on, or a list of them'))
CHANNELS = Rule(_is_triple, 'three numbers')
POSITIVE_CHANNELS = Rule(
    lambda value: _is_triple(value) and min(value) > 0, 'three numbers above 0'
)
FLAG = Rule(lambda value: isinstance(value, bool), 'True or False')
TEXT = Rule(lambda value: isinstance(value, str) and bool(value), 'a text')
PLAIN_TEXT = Rule(lambda value: isinstance(value, str), 'a text')
WHOLES = Rule(lambda value: _all_are(lambda n: type(n) is int, value), 'a list of whole numbers')
WORDS = Rule(lambda value: _all_are(lambda n: isinstance(n, str), value), 'a list of words')
NAMES = Rule(lambda value: isinstance(value, str) or WORDS.holds(value), 'a list of names')
SOME_WORDS = Rule(lambda value: WORDS.holds(value) and len(value) > 0, 'a list of words')
MODE = Rule(lambda value: value in ('whole', 'slide'), "'whole' or 'slide'")
DICT = Rule(_is_dict, 'a dict')
DICTS = Rule(lambda value: _all_are(_is_dict, value), 'a list of dict(type=...)')
HOOKS = _dict_with(
    'checkpoint', 'a dict of hooks, checkpoint among them; default_hooks.NAME=None takes one out'
)
TYPED = _dict_with('type', 'dict(type=...)')
WITH_DATASET = _dict_with('dataset', 'a dict with dataset=dict(type=...)')
PARTS = Rule(_are_parts, 'dict(type=...), or a list of them')
CLIP = _dict_with('model', 'dict(model=...)')
CLIP_MODEL = Rule(lambda value: isinstance(value, (str, dict)), 'a name, path or dict')
SCOPE = Rule(lambda value: value == 'mmseg', "'mmseg', which also finds icpc's parts")
NO_LAUNCHER = Rule(lambda value: value in (None, 'none'), 'left out: start with --launcher')
NO_SCALING = Rule(_scales_nothing, 'left out: lr is that of the global batch')
LEFT_OUT = Rule(lambda value: value is None, 'left out: it follows from the rest')
SHARES = Rule(
    lambda value: (
        _is_share(value) or (_all_are(_is_share, value) and len(value) > 0 and sum(value) <= 1)
    ),
    'a number from 0 to 1, or several whose sum is at most 1',
)
RANGE = Rule(_is_range, 'two numbers above 0, the smaller one first')
SIZES = Rule(_are_sizes, 'whole numbers of pixels above 0')
FACTORS = Rule(_are_factors, 'a number above 0, or two of them')
SHARE_ABOVE_ZERO = Rule(lambda value: _is_share(value) and value > 0, 'a number above 0, up to 1')
STEPS = Rule(_are_steps, 'a list of dict(type=...)')
