"""`${...}` in configs: one variable, written once, read everywhere.

A string that is one expression takes the expression's value and type; an expression inside a longer
string is written out as text. Expressions are names of top-level variables, numbers,
`+ - * / // %`, parentheses, `min` and `max`; nothing else is evaluated.
"""

import ast
import copy
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import UserError, did_you_mean

EXPRESSION = re.compile(r'\$\{([^{}]*)\}')
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_FUNCTIONS: dict[str, Callable[..., Any]] = {'min': min, 'max': max}


class Interpolator:
    """Resolves `${...}` against the top-level variables of a config.

    Args:
        variables: The config's top-level names and values; values may refer to one another.
    """

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables
        self._resolved: dict[str, Any] = {}
        self._open: list[str] = []

    def resolve(self, value: Any, path: str = '') -> Any:
        """Return `value` with every expression replaced.

        Args:
            value: Any nesting of dicts, lists, tuples and plain values.
            path: Where the value stands in the config, for messages.

        Raises:
            UserError: For an unknown name, a cycle, or anything that is not plain arithmetic.
        """
        if isinstance(value, dict):
            return {
                key: self.resolve(item, f'{path}.{key}'.lstrip('.')) for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            items = [self.resolve(item, f'{path}.{index}') for index, item in enumerate(value)]
            return type(value)(items)
        if not isinstance(value, str) or '${' not in value:
            return value
        whole = EXPRESSION.fullmatch(value)
        if whole:
            return self._evaluate(whole.group(1), path)
        return EXPRESSION.sub(lambda match: str(self._evaluate(match.group(1), path)), value)

    def variable(self, name: str, path: str = '') -> Any:
        """Return a variable's resolved value; each call gives an own copy."""
        if name not in self.variables:
            hint = did_you_mean(name, self.variables)
            raise UserError(f'{path}: ${{{name}}} refers to no variable of the config{hint}')
        if name in self._open:
            chain = ' -> '.join([*self._open[self._open.index(name) :], name])
            raise UserError(
                f'{path}: the config variables refer to each other in a circle: {chain}'
            )
        if name not in self._resolved:
            self._open.append(name)
            self._resolved[name] = self.resolve(self.variables[name], name)
            self._open.pop()
        return copy.deepcopy(self._resolved[name])

    def _evaluate(self, expression: str, path: str) -> Any:
        try:
            tree = ast.parse(expression.strip(), mode='eval').body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise UserError(f'{path}: ${{{expression}}} is not an expression') from error
        try:
            return self._node(tree, path)
        except (TypeError, ArithmeticError, RecursionError, _NotArithmetic) as error:
            raise UserError(f'{path}: ${{{expression}}} cannot be computed: {error}') from error

    def _node(self, node: ast.expr, path: str) -> Any:
        if isinstance(node, ast.Name):
            return self.variable(node.id, path)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            left, right = (
                _number(self._node(node.left, path)),
                _number(self._node(node.right, path)),
            )
            return _BINARY[type(node.op)](left, right)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            return _UNARY[type(node.op)](_number(self._node(node.operand, path)))
        if _is_call(node):
            return _FUNCTIONS[node.func.id](
                *(_number(self._node(item, path)) for item in node.args)
            )
        raise _NotArithmetic(
            f'only names, numbers, + - * / // %, min and max are allowed, not {ast.unparse(node)}'
        )


class _NotArithmetic(Exception):
    pass


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f'{value!r} is not a number')
    return value


def _is_call(node: ast.expr) -> bool:
    plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords
    return plain and node.func.id in _FUNCTIONS


def references(value: Any) -> Iterator[str]:
    """Yield the names that the expressions inside `value` mention."""
    if isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)
    elif isinstance(value, str):
        for expression in EXPRESSION.findall(value):
            yield from re.findall(r'[A-Za-z_]\w*', expression)
