"""`--cfg-options`: parsed, applied, and refused when they would have no effect."""

import logging
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from ..errors import UserError, did_you_mean
from .interpolation import EXPRESSION, Interpolator
from .list_items import Item, index_of, insert, settle
from .override_values import parse_value
from .signatures import accepted_keys, is_free

logger = logging.getLogger('icpc')


def parse_overrides(options: Sequence[str] | dict[str, Any] | None) -> dict[str, Any]:
    """Return `{dotted path: value}`.

    Args:
        options: Strings `a.b.2.c=value`, or such a dict already (nested dicts are merged in).

    Raises:
        UserError: When a string is no `key=value`, or a key comes twice.
    """
    if isinstance(options, dict):
        return dict(options)
    parsed: dict[str, Any] = {}
    for option in options or ():
        path, value = _parse(option)
        if path in parsed:
            raise UserError(f'--cfg-options: {path} is given twice, {parsed[path]!r} and {value!r}')
        parsed[path] = value
    return parsed


def _parse(option: str) -> tuple[str, Any]:
    path, equals, text = option.partition('=')
    path = path.strip()
    if not equals or not path or text.startswith('='):
        raise UserError(f'--cfg-options: expected key=value, got {option!r}')
    if not all(path.split('.')):
        raise UserError(f'--cfg-options: {option!r} has an empty name between its dots')
    try:
        option.encode()
        return path, parse_value(text)
    except UnicodeEncodeError as error:
        raise UserError(f'--cfg-options: {option!r} is not UTF-8') from error
    except UserError as error:
        raise UserError(f'--cfg-options: {path}: {error}') from error


def apply_overrides(
    tree: dict[str, Any], overrides: dict[str, Any], top_level: set[str]
) -> set[str]:
    """Write the overrides into `tree`, types first.

    A changed `type` drops the keys of the former type that the new one does not take.

    Items of a list are addressed by index (negative ones from the end) or by the name of their
    type, all of them in the list as it was: `pipeline.RandomFlip.prob` sets an argument,
    `pipeline.RandomFlip=None` removes the step, `pipeline.RandomFlip.before` (or `after`) puts one
    step or a list of steps beside it.

    Args:
        tree: The config as plain containers, `${...}` not yet resolved; changed in place.
        overrides: `{dotted path: value}`.
        top_level: The top-level names that may be set although the config does not hold them.

    Returns:
        The variables that an override inside `${...}` has put a copy of in its place.

    Raises:
        UserError: For a path that neither exists nor is accepted by what stands there.
    """
    flat: dict[str, Any] = {}
    for path, value in overrides.items():
        _flatten(tree, path, value, flat)
    copied: set[str] = set()
    for path in sorted(flat, key=lambda path: _turn(path, top_level)):
        _set(tree, path, flat[path], top_level, copied)
    settle(tree)
    return copied


def _turn(path: str, top_level: set[str]) -> tuple:
    """Variables before what may hold a copy of them, types before arguments, outer before inner."""
    return path.split('.')[0] in top_level, not path.endswith('.type'), path.count('.')


def _flatten(tree: dict[str, Any], path: str, value: Any, flat: dict[str, Any]) -> None:
    """A dict given for an existing dict is merged into it, key by key, or into items of a list."""
    there = _peek(tree, path) if isinstance(value, dict) and value else None
    if isinstance(there, dict) or (isinstance(there, (list, tuple)) and 'type' not in value):
        for key, item in value.items():
            _flatten(tree, f'{path}.{key}', item, flat)
    else:
        flat[path] = deepcopy(value)


def _peek(tree: dict[str, Any], path: str) -> Any:
    """What stands at a path, None for nothing."""
    node: Any = tree
    for key in path.split('.'):
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, (list, tuple)):
            try:
                node = node[index_of(node, key, path, tree)]
            except UserError:
                return None
        else:
            return None
    return node


def _set(
    tree: dict[str, Any], path: str, value: Any, top_level: set[str], copied: set[str]
) -> None:
    *parents, last = path.split('.')
    node: Any = tree
    for depth, key in enumerate(parents):
        if isinstance(node, list):
            parents[depth] = key = str(index_of(node, key, path, tree))
        node = _step(tree, node, parents[:depth], key, path, copied)
    here = '.'.join(parents)
    if isinstance(node, list):
        place = index_of(node, last, path, tree)
        if value is None and isinstance(node[place], dict):
            node[place] = Item.of(node[place], tree)
            node[place].removed = True
        else:
            node[place] = value
        return
    if isinstance(node, Item) and last in ('before', 'after'):
        insert(node, last, value, path)
        return
    if last not in node:
        _refuse_unknown(tree, node, here, last, path, top_level)
    if last == 'type' and node:
        _change_type(tree, node, here, value)
    node[last] = value


def _step(
    tree: dict[str, Any], node: Any, walked: list[str], key: str, path: str, copied: set[str]
) -> Any:
    """Go one key down, opening references to variables and parts that were None or left out."""
    here = '.'.join(walked)
    if isinstance(node, list):
        place: Any = int(key)
    else:
        place = key
        if key not in node:
            _refuse_unknown(tree, node, here, key, path, set())
            node[key] = {}
    child = node[place]
    reference = EXPRESSION.fullmatch(child) if isinstance(child, str) else None
    name = reference and reference.group(1).strip()
    if isinstance(tree.get(name), (dict, list, tuple)):
        child = deepcopy(tree[name])
        copied.add(name)
    if child is None:
        child = {}
    if isinstance(child, tuple):
        child = list(child)
    where = f'{here}.{key}'.lstrip('.')
    if not isinstance(child, (dict, list)):
        raise UserError(f'{path}: {where} is {child!r}, nothing can be set inside it')
    if isinstance(node, list) and isinstance(child, dict):
        child = Item.of(child, tree)
        if child.removed:
            raise UserError(f'{path}: another override removes {where}')
    node[place] = child
    return child


def _refuse_unknown(
    tree: dict[str, Any], node: dict, here: str, key: str, path: str, top_level: set[str]
) -> None:
    if is_free(here):
        return
    if not here:
        if key in top_level:
            return
        raise UserError(f'{path}: the config has no {key}{did_you_mean(key, {*node, *top_level})}')
    accepted = _accepted(tree, node, here)
    if accepted is not None and key in accepted:
        return
    if not node:
        if key == 'type':
            return
        raise UserError(f'{path}: {here} is not set in the config; give {here}.type too')
    owner = node.get('type') or here
    hint = did_you_mean(key, (accepted or set()) | set(node))
    raise UserError(f'{path}: {owner} has no such argument{hint}')


def _accepted(tree: dict[str, Any], node: dict, here: str) -> set[str] | None:
    """What the part at `here` accepts; its type may be a variable."""
    kind = Interpolator(tree).resolve(node.get('type'), f'{here}.type')
    return accepted_keys({**node, 'type': kind}, here)


def _change_type(tree: dict[str, Any], node: dict, here: str, new: Any) -> None:
    former = node.get('type')
    accepted = _accepted(tree, {'type': new}, here)
    if accepted is None or new == former:
        return
    dropped = sorted(set(node) - accepted)
    for key in dropped:
        del node[key]
    if dropped:
        logger.info(f'{here}: {", ".join(dropped)} left out, {new} has no such argument')
