"""Reads a config that a run wrote, values alone, without running it."""

import ast
from pathlib import Path
from typing import Any

from ..errors import UserError


def read_values(path: Path) -> dict[str, Any]:
    """The variables of a file that assigns plain values and `dict(...)` to names.

    Args:
        path: A run's `config.py`.

    Raises:
        UserError: For anything else in it, which would have to be run; with its line.
    """
    try:
        body = ast.parse(path.read_text(encoding='utf-8')).body
        return {_name(node): _value(node.value) for node in body}
    except _Program as error:
        raise UserError(
            f'{path}:{error}: a run writes plain values here, and this is a program, which is not '
            'run: put back the file that the run wrote'
        ) from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f'{path}: is cut or damaged ({error}); put back a whole copy') from error


class _Program(Exception):
    """The line of what is no plain value."""


def _name(node: ast.stmt) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    if isinstance(target, ast.Name):
        return target.id
    raise _Program(node.lineno)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        plain = isinstance(node.func, ast.Name) and node.func.id == 'dict' and not node.args
        if not plain or any(word.arg is None for word in node.keywords):
            raise _Program(node.lineno)
        return {word.arg: _value(word.value) for word in node.keywords}
    if isinstance(node, ast.Dict):
        return {
            _value(key): _value(value) for key, value in zip(_keys(node), node.values, strict=True)
        }
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise _Program(node.lineno) from error


def _keys(node: ast.Dict) -> list[ast.expr]:
    if None in node.keys:
        raise _Program(node.lineno)
    return node.keys
