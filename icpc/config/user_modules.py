"""The user's own code: the modules that a config's `custom_imports` names outside icpc."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import INSTALLED

_LARGEST = 2**20  # bytes of a file that counts as code or as a list beside it; our choice


def user_modules(config: dict[str, Any]) -> tuple[str, ...]:
    """Top-level names of what a config imports besides icpc, sorted.

    Args:
        config: As `load_config` returns it, or its merged form.
    """
    names = (config.get('custom_imports') or {}).get('imports') or []
    names = [names] if isinstance(names, str) else names
    return tuple(sorted({name.partition('.')[0] for name in names} - {__name__.split('.')[0]}))


def user_files(modules: Iterable[str]) -> dict[str, Path]:
    """Find the files of modules, without importing them.

    A module is its file; a package all its modules and the small files among them. Of a folder
    without `__init__.py` the modules alone are taken.

    Args:
        modules: Top-level names, as `user_modules` gives them.

    Returns:
        Path relative to the folder that the module is imported from -> file.
    """
    found: dict[str, Path] = {}
    for name in modules:
        spec = _spec(name)
        if spec is None:
            continue
        if not spec.submodule_search_locations:
            origin = Path(spec.origin or '')
            found |= {origin.name: origin.resolve()} if origin.is_file() else {}
        for place in spec.submodule_search_locations or ():
            root = Path(place).resolve()
            pattern = '*' if spec.origin else '*.py'
            for path in sorted(root.rglob(pattern)):
                if _counts(path, root):
                    found.setdefault(f'{name}/{path.relative_to(root).as_posix()}', path)
    return found


def _spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # a module that a program made, without a file
        return None


def _counts(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    hidden = any(part.startswith('.') or part == '__pycache__' for part in parts)
    if hidden or not path.is_file():
        return False
    return path.suffix == '.py' or path.stat().st_size <= _LARGEST


def is_installed(path: Path) -> bool:
    """Whether a file belongs to an installed library, which nobody edits."""
    return not INSTALLED.isdisjoint(path.parts)
