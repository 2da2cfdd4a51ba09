"""The user's own code: the modules that a config's `custom_imports` names, imported and found."""

import importlib.util
import logging
import runpy
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ..errors import INSTALLED, PASSES, UserError, described, own_fault

_KEY = 'custom_imports'
logger = logging.getLogger('icpc')

_LARGEST = 2**20  # bytes of a file that counts as code or as a list beside it; our choice


def python_values(path: Path) -> dict[str, Any]:
    """Run a user's file; the values that it sets, without modules, functions and `_helpers`.

    Raises:
        UserError: For an error in it, with its line.
    """
    try:
        found = runpy.run_path(str(path))
    except PASSES:
        raise
    except BaseException as error:
        raise own_fault(error) or UserError(f'{path}: {described(error)}') from error
    return {
        key: value
        for key, value in found.items()
        if not key.startswith('_') and not isinstance(value, (ModuleType, FunctionType))
    }


def import_modules(tree: dict[str, Any], overrides: dict[str, Any], path: Path) -> None:
    """Import what a config and its overrides name.

    Args:
        tree: The config.
        overrides: `{dotted path: value}`.
        path: The path of the config, for messages.

    Raises:
        UserError: For a module that is not found, or an error inside one, with its line.
    """
    given = {**_setting(tree), **_setting(overrides)}
    for key, value in overrides.items():
        if key.startswith(f'{_KEY}.'):
            given[key.removeprefix(f'{_KEY}.')] = value
    names = given.get('imports') or []
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise UserError(f'{path}: {_KEY}.imports must be a list of module names, got {names!r}')
    for name in names:
        fault = _fault(name)
        if fault and not given.get('allow_failed_imports'):
            raise UserError(f'{path}: {_KEY}: {fault[0]}') from fault[1]
        if fault:
            logger.info(f'{path}: {_KEY}: {fault[0]} (ignored, as allow_failed_imports says)')


def _setting(tree: dict[str, Any]) -> dict[str, Any]:
    value = tree.get(_KEY) or {}
    if not isinstance(value, dict):
        raise UserError(f'{_KEY} must be a dict such as dict(imports=[...]), got {value!r}')
    return value


def _fault(name: str) -> tuple[str, BaseException] | None:
    """Import a module; what is wrong with it in words and as an exception, None for nothing."""
    try:
        import_module(name)
    except PASSES:
        raise
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if not missing or not f'{name}.'.startswith(f'{missing}.'):
            return f'{name} cannot be imported: {own_fault(error) or described(error)}', error
        package, _, last = missing.rpartition('.')
        if package:
            return f'{package} is found, but there is no {last} in it', error
        return f'no module {missing}; put the folder that holds it into PYTHONPATH', error
    return None


def user_modules(config: dict[str, Any]) -> tuple[str, ...]:
    """Top-level names of what a config imports besides icpc, sorted.

    Args:
        config: As `load_config` returns it, or its merged form.
    """
    names = (config.get(_KEY) or {}).get('imports') or []
    names = [names] if isinstance(names, str) else names
    if not all(isinstance(name, str) and name for name in names):
        raise UserError(f'{_KEY}.imports must be a list of modules, got {names!r}')
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
