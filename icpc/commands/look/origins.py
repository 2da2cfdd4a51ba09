"""Where each value of a config comes from: a line of a file, an override, or a `${...}`."""

import ast
import copy
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...config.bases import config_files
from ...config.interpolation import EXPRESSION, Interpolator
from ...config.list_items import index_of
from ...errors import UserError

Keys = tuple[Any, ...]  # the way to a value: keys of dicts and indices of lists
_BESIDE = ('before', 'after')  # an override's last key, where it puts something into a list
_MISSING = object()


def leaves(node: Any, way: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Each value of a config with the way to it; lists of plain values are one value."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from leaves(value, (*way, key))
    elif isinstance(node, (list, tuple)) and any(isinstance(item, dict) for item in node):
        for index, item in enumerate(node):
            yield from leaves(item, (*way, index))
    else:
        yield way, node


class Origins:
    """Tells for each value of a finished config where it was set.

    Args:
        path: The config file.
        merged: The config as it was merged, with its `${...}`.
        own: What the file itself overrides, `{dotted path: value}`.
        given: What the command line overrides.
    """

    def __init__(
        self, path: Path, merged: dict[str, Any], own: dict[str, Any], given: dict[str, Any]
    ) -> None:
        self.merged, self._variables = merged, Interpolator(merged)
        self.files = {file: _assigned(text) for file, text in config_files(path).items()}
        self.overrides = [
            *((_literal(merged, key), f'overrides of {_shown(path)}, {key}') for key in own),
            *((_literal(merged, key), f'--cfg-options {key}') for key in given),
        ]

    def of(self, way: Keys, value: Any) -> str:
        """The origin of a value in words.

        Args:
            way: To the value.
            value: In the finished config.
        """
        node, depth = self.merged, 0
        while depth < len(way) and not isinstance(node, str):
            node, depth = _step(node, way[depth]), depth + 1
        if node is _MISSING:
            return 'computed'
        expected = self._resolved(node)
        for key in way[depth:]:
            expected = _step(expected, key)
        words = f'{node}, ' if EXPRESSION.search(str(node)) else ''
        adapted = '' if _plain(expected) == _plain(value) else ', adapted'
        return f'{words}{self._set(way[:depth])}{adapted}'

    def _resolved(self, node: Any) -> Any:
        """With the values of its `${...}`; what stands for something that is computed stays."""
        with suppress(UserError):
            return self._variables.resolve(copy.deepcopy(node))
        return node

    def _set(self, way: Keys) -> str:
        for literal, words in reversed(self.overrides):
            if way[: len(literal)] == literal:
                return words
        for file, names in self.files.items():
            line = _line(names, way)
            if line is not None:
                return f'{_shown(file)}:{line}'
            if _replaced(names, way):
                break
        return 'computed'


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _step(node: Any, key: Any) -> Any:
    if isinstance(node, dict):
        return node.get(key, _MISSING)
    if isinstance(node, (list, tuple)) and isinstance(key, int) and key < len(node):
        return node[key]
    return _MISSING


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _literal(tree: dict[str, Any], path: str) -> Keys:
    """The way that an override's path means; that to the list where it changes what is in one."""
    node, way = tree, []
    for key in path.split('.'):
        if isinstance(node, (list, tuple)):
            if key in _BESIDE:
                return tuple(way[:-1])
            try:
                key = index_of(list(node), key, path, tree)
            except UserError:  # it has left the list
                return tuple(way)
        elif isinstance(node, dict) and key in _BESIDE and way and isinstance(way[-1], int):
            return tuple(way[:-1])
        way.append(key)
        node = _step(node, key)
    return tuple(way)


def _assigned(text: str) -> dict[str, ast.expr]:
    """The expressions of a file's top-level names; none for JSON and YAML."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return {}
    found: dict[str, ast.expr] = {}
    for statement in body:
        targets: Iterable[ast.expr] = ()
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = (statement.target,)
        found |= {t.id: statement.value for t in targets if isinstance(t, ast.Name)}
    return found


def _line(names: dict[str, ast.expr], way: Keys) -> int | None:
    """The line where a file sets a value, None where it does not."""
    node = names.get(way[0])
    for key in way[1:]:
        entries = _entries(node)
        if entries is None:  # a name, a call or a sum: what is in it comes from here
            break
        if key not in entries:
            return None
        node = entries[key]
    return None if node is None else node.lineno


def _replaced(names: dict[str, ast.expr], way: Keys) -> bool:
    """Whether a file replaces a dict around a value, so that its bases do not count."""
    node = names.get(way[0])
    for key in way[1:]:
        entries = _entries(node)
        if entries is None:
            return False
        mark = entries.get('_delete_')
        if isinstance(mark, ast.Constant) and mark.value is True:
            return True
        node = entries.get(key)
    return False


def _entries(node: ast.expr | None) -> dict[Any, ast.expr] | None:
    """What a dict or a list holds, as far as it is written out; None for other expressions."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        named = {word.arg: word.value for word in node.keywords}
        return None if node.args or None in named else named
    if isinstance(node, ast.Dict):
        constant = all(isinstance(key, ast.Constant) for key in node.keys)
        pairs = zip(node.keys, node.values, strict=True)
        return {key.value: value for key, value in pairs} if constant else None
    if isinstance(node, (ast.List, ast.Tuple)):
        whole = not any(isinstance(item, ast.Starred) for item in node.elts)
        return dict(enumerate(node.elts)) if whole else None
    return {} if node is None else None
