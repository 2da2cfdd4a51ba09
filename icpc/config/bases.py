"""The files of a config: the one that is given and its bases, read without running them."""

import dis
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ..errors import UserError
from .interpolation import references

_BASE_VARIABLE = re.compile(r'\b_base_\.(\w+)')
_BASES = re.compile(r"""_base_['"]?\s*[=:]\s*(\[[^\]]*\]|\([^)]*\)|[^\n]*)""")


def config_files(path: Path) -> dict[Path, str]:
    """A config and its bases: path -> text.

    Raises:
        UserError: For a file that is not Python, with its line; for a base that is a base of
            itself.
    """
    found: dict[Path, str] = {}
    _collect(path, (), found)
    return found


def _collect(file: Path, above: tuple[Path, ...], found: dict[Path, str]) -> None:
    """Read a file and its bases; `above` leads from the config to it."""
    if file.resolve() in above:
        way = ' -> '.join(str(one) for one in (*above[above.index(file.resolve()) :], file))
        raise UserError(f'{file}: _base_ leads back to the file itself ({way}); take it out')
    if file in found or not file.is_file():
        return
    try:
        text = found[file] = file.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise UserError(f'{file}: not in UTF-8 ({error}); save it as UTF-8') from error
    own_names(file, text)
    bases = _BASES.search(text)
    for name in re.findall(r"""['"]([^'"]+)['"]""", bases.group(1)) if bases else ():
        _collect((file.parent / name).resolve(), (*above, file.resolve()), found)


@lru_cache(maxsize=256)
def own_names(file: Path, text: str) -> frozenset[str] | None:
    """Top-level names that a file itself sets; None where that is unknown (JSON, YAML).

    Raises:
        UserError: For a file that is not Python, with its line.
    """
    if file.suffix != '.py':
        return None
    try:
        code = compile(text, str(file), 'exec')
    except (RecursionError, MemoryError) as error:
        raise UserError(f'{file}: too many brackets or operators inside each other') from error
    except (SyntaxError, ValueError) as error:
        line, message = getattr(error, 'lineno', None), getattr(error, 'msg', error)
        place = f'{file}:{line}' if line else str(file)
        raise UserError(f'{place}: {type(error).__name__}: {message}') from error
    steps = dis.get_instructions(code)
    return frozenset(step.argval for step in steps if step.opname in ('STORE_NAME', 'STORE_GLOBAL'))


def mentioned(texts: Iterable[str]) -> set[str]:
    """The variables that any of the texts reads, as `${...}` or `_base_.name`."""
    return {name for text in texts for name in (*references(text), *_BASE_VARIABLE.findall(text))}
