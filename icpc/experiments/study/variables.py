"""The types of a study file's variables, and what is said about a value that does not fit."""

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ...errors import did_you_mean

_MOST_SEEDS = 2**32  # numpy takes no larger ones
# pydantic's words: the type of the fault of an unknown key, and the last place of a wrong one.
_UNKNOWN, _OF_A_NAME = 'unexpected_keyword_argument', '[key]'


def _either(listed: Any, named: Any) -> BeforeValidator:
    """Check a dict by one type and anything else by another, so that one error alone is said."""
    listed, named = TypeAdapter(listed), TypeAdapter(named)

    def check(value: Any) -> Any:
        if isinstance(value, (set, frozenset)):
            raise ValueError('must be a list: a set has no order')
        fits = named if isinstance(value, (dict, ClassSubset)) else listed
        return fits.validate_python(value)

    return BeforeValidator(check)


def _survives_text(value: Any) -> Any:
    """Overrides travel as text to the runs."""
    try:
        same = ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError):
        same = False
    if not same:
        what = 'a string, finite number, True, False, None, or a list, tuple or dict of these'
        raise ValueError(f'must be {what}')
    return value


def _different(values: Iterable[Any]) -> Iterable[Any]:
    twice = [value for value, count in Counter(map(repr, values)).items() if count > 1]
    if twice:
        raise ValueError(f'holds {twice[0]} twice')
    return values


def _labelled_seeds(seeds: Any) -> dict[str, Any]:
    pairs = seeds.items() if isinstance(seeds, dict) else ((seed, {'seed': seed}) for seed in seeds)
    pairs = [(str(label), overrides) for label, overrides in pairs]
    _different([label for label, _ in pairs])
    return dict(pairs)


def _named_metrics(metrics: Any) -> dict[str, Any]:
    return metrics if isinstance(metrics, dict) else {key: key for key in metrics}


_NOT_EMPTY = Field(min_length=1)
Name = Annotated[str, _NOT_EMPTY]
Plain = Annotated[Any, AfterValidator(_survives_text)]
Overrides = dict[Name, Plain]
Seed = Annotated[int, Field(strict=True, ge=0, lt=_MOST_SEEDS)]
Seeds = Annotated[
    dict[str, Overrides],
    BeforeValidator(_labelled_seeds),
    _either(Annotated[list[Seed], _NOT_EMPTY], Annotated[dict[Any, Overrides], _NOT_EMPTY]),
]
Several = Annotated[list[Plain], _NOT_EMPTY, AfterValidator(_different)]
Labelled = Annotated[dict[str, Overrides], _NOT_EMPTY]
Axis = Annotated[Any, _either(Several, Labelled)]


@dataclass(frozen=True, config={'extra': 'forbid'})
class ClassSubset:
    """A metric: the mean IoU over some classes, from the confusion counts.

    Attributes:
        classes: The names of the classes; the others still count as wrong predictions.
        of: The kind of prediction, `head` or `score_map`.
    """

    classes: Annotated[tuple[Name, ...], _NOT_EMPTY, AfterValidator(_different)]
    of: Name = 'head'


Metrics = Annotated[
    dict[Name, Annotated[Any, _either(Name, ClassSubset)]],
    BeforeValidator(_named_metrics),
    _either(list[Name], dict),
]


def fault_of(error: ValidationError, known: dict[str, str]) -> str:
    """The first fault as a sentence with the variable, the place in it and the value.

    Args:
        error: What pydantic found.
        known: The variables of a study -> what each is.
    """
    first = min(error.errors(), key=lambda fault: fault['type'] != _UNKNOWN)
    key, *inner = first['loc']
    where = key + ''.join(f'[{part!r}]' for part in inner if part != _OF_A_NAME)
    if first['type'] == _UNKNOWN:
        hint = did_you_mean(inner[-1], [field.name for field in fields(ClassSubset)])
        return f'{where} is unknown{hint}'
    what = first['msg'].removeprefix('Value error, ').replace('Input should', 'must')
    what = f'a name {what}' if _OF_A_NAME in inner else what
    return f'{where}: {what}, got {first["input"]!r}; {key} is {known[key]}'
