"""The variables of a study file, each of the type that it must have."""

import ast
import runpy
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ...errors import UserError, described, did_you_mean, own_fault

_SEEDS = 2**32  # numpy takes no larger ones


def read_variables(path: Path) -> dict[str, Any]:
    """Run a study file; those of its variables that are set, their types checked.

    Args:
        path: The file. Variables with an underscore, modules and functions are its own.

    Raises:
        UserError: For an error in the file; an unknown variable; a value of another type.
    """
    given = {
        key: value
        for key, value in _run(path).items()
        if not key.startswith('_') and not isinstance(value, (ModuleType, FunctionType))
    }
    for key in given.keys() - _CHECKS.keys():
        hint = did_you_mean(key, _CHECKS) or f'; name it _{key} if only the file itself uses it'
        raise UserError(f'{path}: a study has no {key}{hint}')
    for key in ('base', 'metrics'):
        if given.get(key) in (None, '', [], (), {}):
            raise UserError(f'{path}: set {key}, without which it is no study')
    for key, value in given.items():
        _CHECKS[key](f'{path}: {key}', value)
    return given


def _run(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f'{path}: no such study file')
    try:
        return runpy.run_path(str(path))
    except Exception as error:
        raise own_fault(error) or UserError(f'{path}: {described(error)}') from error


def _expect(holds: bool, where: str, what: str, value: Any) -> None:
    if not holds:
        raise UserError(f'{where} must be {what}, got {value!r}')


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, range))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _check_different(where: str, values: Iterable[Any]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise UserError(f'{where} holds {twice[0]!r} twice')


def _check_overrides(where: str, value: Any) -> None:
    _expect(isinstance(value, dict), where, 'a dict of overrides (key -> value)', value)
    for key, item in value.items():
        _expect(_is_name(key), f'{where}: a key', 'a string such as model.prompter.type', key)
        _check_plain(f'{where}[{key!r}]', item)


def _check_plain(where: str, value: Any) -> None:
    """Overrides travel as text to the runs."""
    try:
        same = ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError):
        same = False
    what = 'a string, finite number, True, False, None, or a list, tuple or dict of these'
    _expect(same, where, what, value)


def _check_named_overrides(where: str, value: Any) -> None:
    _expect(isinstance(value, dict), where, 'a dict (name -> overrides)', value)
    for name, overrides in value.items():
        _expect(isinstance(name, str), f'{where}: a name', 'a string', name)
        _check_overrides(f'{where}[{name!r}]', overrides)


def _check_rows(where: str, value: Any) -> None:
    _check_named_overrides(where, value)
    _expect('' not in value, f'{where}: a name', 'a string with a letter at least', '')


def _check_base(where: str, value: Any) -> None:
    _expect(isinstance(value, (str, Path)), where, "a config's path, relative to the file", value)


def _check_seeds(where: str, value: Any) -> None:
    what = 'a list of whole numbers from 0, or a dict (label -> overrides), with one at least'
    _expect((_is_list(value) or isinstance(value, dict)) and len(value) > 0, where, what, value)
    if isinstance(value, dict):
        _check_named_overrides(where, {str(label): entry for label, entry in value.items()})
    else:
        for seed in value:
            fits = type(seed) is int and 0 <= seed < _SEEDS
            _expect(fits, f'{where}: a seed', f'a whole number from 0 to {_SEEDS - 1}', seed)
    _check_different(where, map(str, value))


def _check_metrics(where: str, value: Any) -> None:
    what = 'a list of keys of the results, or a dict (column -> key, or dict(classes=[...]))'
    _expect(_is_list(value) or isinstance(value, dict), where, what, value)
    named = value if isinstance(value, dict) else dict(enumerate(value))
    for name, metric in named.items():
        here = f'{where}[{name!r}]'
        if isinstance(value, dict):
            _expect(_is_name(name), f'{where}: a column', 'a string', name)
        if isinstance(metric, dict) and isinstance(value, dict):
            _check_subset(here, metric)
        else:
            _expect(_is_name(metric), here, "a key of the results, such as 'mIoU'", metric)


def _check_subset(where: str, value: dict) -> None:
    fits = value.keys() <= {'classes', 'of'} and 'classes' in value
    _expect(fits, where, "dict(classes=[...], of='head' or 'score_map')", value)
    classes = value['classes']
    fits = _is_list(classes) and len(classes) > 0 and all(map(_is_name, classes))
    _expect(fits, f"{where}['classes']", 'a list of class names', classes)
    _check_different(f"{where}['classes']", classes)
    of = value.get('of', 'head')
    _expect(_is_name(of), f"{where}['of']", "'head' or 'score_map'", of)


def _check_split(where: str, value: Any) -> None:
    _expect(value in ('val', 'test'), where, "'val' or 'test'", value)


def _check_grid(where: str, value: Any) -> None:
    _expect(isinstance(value, dict), where, 'a dict (key -> values)', value)
    for key, values in value.items():
        here = f'{where}[{key!r}]'
        _expect(_is_name(key), f'{where}: a key', 'a string', key)
        what = 'a list of values, or a dict (label -> overrides), with one at least'
        _expect(
            (_is_list(values) or isinstance(values, dict)) and len(values) > 0, here, what, values
        )
        if isinstance(values, dict):
            _check_named_overrides(here, values)
        else:
            _check_plain(here, list(values))
            _check_different(here, map(repr, values))


def _check_baseline(where: str, value: Any) -> None:
    _expect(value is None or isinstance(value, str), where, 'the name of a row, or None', value)


def _check_comparisons(where: str, value: Any) -> None:
    _expect(isinstance(value, dict), where, 'a dict (name -> (row, reference row))', value)
    for name, pair in value.items():
        _expect(isinstance(name, str), f'{where}: a name', 'a string', name)
        two = isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(_is_name, pair))
        fits = two and pair[0] != pair[1]
        _expect(fits, f'{where}[{name!r}]', 'two different rows (row, reference row)', pair)


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    'base': _check_base,
    'rows': _check_rows,
    'grid': _check_grid,
    'seeds': _check_seeds,
    'regimes': _check_named_overrides,
    'shared': _check_overrides,
    'metrics': _check_metrics,
    'split': _check_split,
    'baseline': _check_baseline,
    'comparisons': _check_comparisons,
}
