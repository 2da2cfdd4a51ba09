"""Items of a list in a config while overrides change it: found by index or by type, put beside."""

from __future__ import annotations

import re
from typing import Any

from ..errors import UserError, did_you_mean
from .interpolation import Interpolator

_SHOWN = 30  # characters of an item that has no type, in a message


class Item(dict):
    """A dict of a list that keeps its address while overrides change it and its neighbours.

    Attributes:
        name: Its type as the overrides find it; another override may change the type.
        removed: Whether it leaves the list.
        before, after: What goes into the list beside it.
    """

    name: str | None
    removed: bool
    before: list[dict]
    after: list[dict]

    @classmethod
    def of(cls, value: dict[str, Any], tree: dict[str, Any]) -> Item:
        """The item of a dict, or the one that it is already."""
        if isinstance(value, cls):
            return value
        item = cls(value)
        item.name, item.removed, item.before, item.after = type_name(value, tree), False, [], []
        return item


def type_name(item: Any, tree: dict[str, Any]) -> str | None:
    """The name that an item of a list is addressed by, None for one without a type.

    Args:
        item: The item.
        tree: The config, whose variables a type may be.
    """
    if isinstance(item, Item):
        return item.name
    kind = item.get('type') if isinstance(item, dict) else None
    kind = Interpolator(tree).resolve(kind)
    return getattr(kind, '__name__', kind)


def index_of(items: list, address: str, path: str, tree: dict[str, Any]) -> int:
    """The index of the one item that an address means.

    Args:
        items: The list.
        address: An index, from the end where it is negative, or the name of a type.
        path: The path of the override, for messages.
        tree: The config.

    Raises:
        UserError: For no such item, or several of that type; lists what is there.
    """
    names = [type_name(item, tree) for item in items]
    if re.fullmatch(r'-?[0-9]+', address):
        if -len(items) <= int(address) < len(items):
            return int(address) % len(items)
        raise UserError(f'{path}: {address} is no index of a list of {_listed(items, names)}')
    places = [place for place, name in enumerate(names) if name == address]
    if len(places) == 1:
        return places[0]
    if places:
        several = ' and '.join(map(str, places))
        raise UserError(f'{path}: {address} stands at {several}; give the index')
    hint = did_you_mean(address, {name for name in names if name})
    raise UserError(
        f'{path}: {address!r} is no index and no type in a list of {_listed(items, names)}{hint}'
    )


def _listed(items: list, names: list[str | None]) -> str:
    shown = [
        f'{place} {name or repr(item)[:_SHOWN]}'
        for place, (name, item) in enumerate(zip(names, items, strict=True))
    ]
    return f'{len(items)}: {", ".join(shown)}' if items else '0'


def insert(item: Item, side: str, value: Any, path: str) -> None:
    """Put one dict, or a list of them, beside an item.

    Args:
        item: The item.
        side: `before` or `after`.
        value: What to put there.
        path: The path of the override, for messages.
    """
    parts = value if isinstance(value, (list, tuple)) else [value]
    if not parts or not all(isinstance(part, dict) for part in parts):
        raise UserError(
            f'{path}: expected dict(type=...) or a list of such to put into the list, got {value!r}'
        )
    getattr(item, side).extend(parts)


def settle(node: Any) -> Any:
    """Turn items into plain dicts, without those removed and with those put beside them."""
    if isinstance(node, dict):
        for key, value in node.items():
            node[key] = settle(value)
        return dict(node) if isinstance(node, Item) else node
    if not isinstance(node, (list, tuple)):
        return node
    found: list[Any] = []
    for part in node:
        if isinstance(part, Item):
            kept = [] if part.removed else [part]
            found += map(settle, [*part.before, *kept, *part.after])
        else:
            found.append(settle(part))
    return type(node)(found)
