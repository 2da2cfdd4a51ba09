"""Imports the modules that `custom_imports` names, so that the types they register are known."""

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import UserError, described, own_fault

_KEY = 'custom_imports'
logger = logging.getLogger('icpc')


def import_modules(tree: dict[str, Any], overrides: dict[str, Any], path: Path) -> None:
    """Import what a config and its overrides name.

    Args:
        tree: The config.
        overrides: `{dotted path: value}`.
        path: Of the config, for messages.

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


def _fault(name: str) -> tuple[str, Exception] | None:
    """Import a module; what is wrong with it in words and as an exception, None for nothing."""
    try:
        import_module(name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if not missing or not f'{name}.'.startswith(f'{missing}.'):
            return f'{name} cannot be imported: {own_fault(error) or described(error)}', error
        package, _, last = missing.rpartition('.')
        if package:
            return f'{package} is found, but there is no {last} in it', error
        return f'no module {missing}; put the folder that holds it into PYTHONPATH', error
    return None
