"""`--cfg-options`: parsed, applied, and refused when they would have no effect."""

from __future__ import annotations

import ast
import logging
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from ..errors import UserError, did_you_mean
from .interpolation import _EXPRESSION, Interpolator
from .signatures import accepted_keys, is_free

_WORDS = {'none': None, 'null': None, 'true': True, 'false': False}
logger = logging.getLogger('icpc')


def parse_overrides(options: Sequence[str] | dict[str, Any] | None) -> dict[str, Any]:
    """Return `{dotted path: value}`.

    Args:
        options: Strings `a.b.2.c=value`, or such a dict already (nested dicts are merged in).

    Raises:
        UserError: When a string has no `=`.
    """
    if isinstance(options, dict):
        return dict(options)
    parsed = {}
    for option in options or ():
        path, equals, text = option.partition('=')
        if not equals or not path:
            raise UserError(f'--cfg-options: expected key=value, got {option!r}')
        parsed[path.strip()] = parse_value(text)
    return parsed


def parse_value(text: str) -> Any:
    """Read one value: a Python literal, or mmengine's bare strings and lists (`a,b`, `[a,b]`)."""
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text if '${' in text else _bare(text)
    return list(value) if isinstance(value, tuple) and text[0] != '(' else value


def _bare(text: str) -> Any:
    if text[:1] + text[-1:] in ('()', '[]'):
        items = [parse_value(item) for item in _split(text[1:-1])]
        return tuple(items) if text[0] == '(' else items
    return [parse_value(item) for item in _split(text)] if ',' in text else text


def _split(text: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    items, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char in '([{') - (char in ')]}')
        if char == ',' and depth == 0:
            items.append(text[start:position])
            start = position + 1
    return [item for item in [*items, text[start:]] if item.strip()]


def apply_overrides(tree: dict[str, Any], overrides: dict[str, Any], top_level: set[str]) -> None:
    """Write the overrides into `tree`, types first.

    A changed `type` drops the keys of the former type that the new one does not take.

    Args:
        tree: The config as plain containers, `${...}` not yet resolved; changed in place.
        overrides: `{dotted path: value}`.
        top_level: The top-level names that may be set although the config does not hold them.

    Raises:
        UserError: For a path that neither exists nor is accepted by what stands there.
    """
    flat: dict[str, Any] = {}
    for path, value in overrides.items():
        _flatten(tree, path, value, flat)
    types_first = sorted(flat, key=lambda path: (not path.endswith('.type'), path.count('.')))
    for path in types_first:
        _set(tree, path, flat[path], top_level)


def _flatten(tree: dict[str, Any], path: str, value: Any, flat: dict[str, Any]) -> None:
    """A dict given for an existing dict is merged into it, key by key."""
    if isinstance(value, dict) and value and isinstance(_peek(tree, path), dict):
        for key, item in value.items():
            _flatten(tree, f'{path}.{key}', item, flat)
    else:
        flat[path] = deepcopy(value)


def _peek(node: Any, path: str) -> Any:
    for key in path.split('.'):
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, (list, tuple)) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node


def _set(tree: dict[str, Any], path: str, value: Any, top_level: set[str]) -> None:
    *parents, last = path.split('.')
    node: Any = tree
    for depth, key in enumerate(parents):
        node = _step(tree, node, parents[:depth], key, path)
    here = '.'.join(parents)
    if isinstance(node, list):
        node[_index(node, last, path)] = value
        return
    if last not in node:
        _refuse_unknown(tree, node, here, last, path, top_level)
    if last == 'type' and node:
        _change_type(tree, node, here, value)
    node[last] = value


def _step(tree: dict[str, Any], node: Any, walked: list[str], key: str, path: str) -> Any:
    """Go one key down, opening references to variables and parts that were None or left out."""
    here = '.'.join(walked)
    if isinstance(node, list):
        place: Any = _index(node, key, path)
    else:
        place = key
        if key not in node:
            _refuse_unknown(tree, node, here, key, path, set())
            node[key] = {}
    child = node[place]
    reference = _EXPRESSION.fullmatch(child) if isinstance(child, str) else None
    if reference and isinstance(tree.get(reference.group(1).strip()), (dict, list, tuple)):
        child = deepcopy(tree[reference.group(1).strip()])
    if child is None:
        child = {}
    if isinstance(child, tuple):
        child = list(child)
    if not isinstance(child, (dict, list)):
        where = f'{here}.{key}'.lstrip('.')
        raise UserError(f'{path}: {where} is {child!r}, nothing can be set inside it')
    node[place] = child
    return child


def _index(node: list, key: str, path: str) -> int:
    if not key.isdigit() or int(key) >= len(node):
        raise UserError(f'{path}: {key!r} is no index of a list of {len(node)}')
    return int(key)


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
