"""Resolved configs as flat lists of settings, and what differs between two."""

import fnmatch
from collections.abc import Sequence
from typing import Any

_MISSING = '(not set)'


def flatten(value: Any, path: str = '') -> dict[str, Any]:
    """`{'a': {'b': [1, 2]}}` -> `{'a.b': [1, 2]}`; lists of dicts are opened too.

    Args:
        value: A config as plain containers.
        path: Where it stands.
    """
    if isinstance(value, dict) and value:
        items = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = enumerate(value)
    else:
        return {path: value}
    return {
        key: leaf
        for name, item in items
        for key, leaf in flatten(item, f'{path}.{name}'.lstrip('.')).items()
    }


def difference(
    first: dict[str, Any], second: dict[str, Any], ignored: Sequence[str] = ()
) -> list[tuple[str, str, str]]:
    """What differs between two flat configs: (key, first's value, second's value).

    Args:
        first: From `flatten`.
        second: From `flatten`.
        ignored: Keys, or patterns of keys, that do not count.
    """
    return [
        (key, _show(first, key), _show(second, key))
        for key in sorted(first.keys() | second.keys())
        if (key not in first or key not in second or first[key] != second[key])
        and not any(fnmatch.fnmatch(key, pattern) for pattern in ignored)
    ]


def _show(config: dict[str, Any], key: str) -> str:
    return repr(config[key]) if key in config else _MISSING
