"""From a config file and overrides to the finished config that mmengine's Runner reads.

Order: load, override, class names, `${...}`, batch, checks. Because `${...}` is resolved after the
overrides, one override acts everywhere the variable is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.utils import import_modules_from_strings
from mmseg.utils import register_all_modules

from ..errors import UserError
from . import validation
from .batch import plan_batch, world_size
from .checkpoint import check_loads_safely
from .classes import fill_classes
from .interpolation import Interpolator, references
from .overrides import apply_overrides, parse_overrides
from .signatures import is_free
from .switches import take_switches

# mmengine leaves these out itself where they are None, and would add them where they are missing.
_MMENGINE_HOOKS = {
    *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'),
}
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(
    path: str | Path,
    overrides: dict[str, Any] | Sequence[str] | None = None,
    work_dir: str | Path | None = None,
) -> Config:
    """Load a config, apply overrides, resolve `${...}`, and check all of it.

    Args:
        path: A text config (`_base_` style).
        overrides: `['a.b=1', ...]` or `{'a.b': 1}`.
        work_dir: Where the run writes; by default `work_dirs/<config name>`.

    Returns:
        A config without `${...}`, for `mmengine.runner.Runner.from_cfg`.

    Raises:
        UserError: For anything misspelt, without effect, or contradictory.
    """
    merged = merge_config(path, overrides)
    return finish_config(merged, work_dir)


def merge_config(
    path: str | Path, overrides: dict[str, Any] | Sequence[str] | None = None
) -> Config:
    """Load a config and apply overrides; `${...}` stays, so it can be overridden again."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f'{path}: no such config file')
    parsed = parse_overrides(overrides)
    validation.check_no_remote_config(path, parsed)
    register_all_modules(init_default_scope=False)
    tree = _read(path)
    _import_modules(parsed)
    before = set(references(tree))
    apply_overrides(tree, parsed, validation.KNOWN_KEYS)
    after = set(references(tree))
    validation.check_effect(parsed, after)
    validation.check_top_level(tree, before | after)
    return Config(tree, filename=str(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        return Config.fromfile(str(path)).to_dict()
    except (ImportError, KeyError, OSError, SyntaxError, TypeError, ValueError) as error:
        raise UserError(f'{path}: {error}') from error


def finish_config(merged: Config, work_dir: str | Path | None = None) -> Config:
    """Resolve `${...}`, fill what follows from the rest, and check the whole."""
    tree = merged.to_dict()
    names = fill_classes(tree)
    resolver = Interpolator(tree)
    tree = {key: resolver.variable(key, key) for key in tree}
    _remove_parts(tree)
    take_switches(tree)
    _fill_batch(tree)
    _fill_loaders(tree)
    if get_device() == 'cpu':
        tree['model'] = _without_sync_norm(tree.get('model'))
    default = Path('work_dirs') / Path(merged.filename).stem
    tree['work_dir'] = str(work_dir or tree.get('work_dir') or default)
    validation.check_class_names(tree, names)
    validation.check_signatures(tree)
    validation.check_by_iteration(tree)
    if tree.get('load_from'):
        check_loads_safely(tree['load_from'])
    return Config(tree, filename=merged.filename)


def _import_modules(overrides: dict[str, Any]) -> None:
    """Import the modules that overrides name, so that the types they register are known."""
    whole = overrides.get('custom_imports') or {}
    names = overrides.get('custom_imports.imports') or whole.get('imports') or []
    try:
        import_modules_from_strings(names)
    except ImportError as error:
        raise UserError(
            f'custom_imports: {error}; put the folder of the module into PYTHONPATH'
        ) from error


def _remove_parts(tree: dict[str, Any], path: str = '') -> None:
    """Take the entries that an override set to None out of dicts of named parts."""
    for key, value in list(tree.items()):
        here = f'{path}.{key}'.lstrip('.')
        if isinstance(value, dict):
            _remove_parts(value, here)
        elif value is None and is_free(path) and key not in _MMENGINE_HOOKS:
            del tree[key]


def _fill_batch(tree: dict[str, Any]) -> None:
    loader, loop = tree.get('train_dataloader'), tree.get('train_cfg')
    if not loader or not loop or tree.get('global_batch') is None:
        return
    plan = plan_batch(tree['global_batch'], tree.get('gpu_batch'), world_size())
    if 'batch_size' in loader:
        raise UserError(
            'train_dataloader.batch_size follows from global_batch and gpu_batch; leave it out'
        )
    loader['batch_size'] = plan.batch
    loop['accumulation'] = plan.accumulation
    tree['optim_wrapper']['accumulative_counts'] = plan.accumulation


def _fill_loaders(tree: dict[str, Any]) -> None:
    for key in _LOADERS:
        if isinstance(tree.get(key), dict):
            tree[key].setdefault('persistent_workers', tree[key].get('num_workers', 0) > 0)


def _without_sync_norm(node: Any) -> Any:
    """SyncBN has no CPU implementation; on one process BN computes the same."""
    if isinstance(node, dict):
        plain = {key: _without_sync_norm(value) for key, value in node.items()}
        return {**plain, 'type': 'BN'} if plain.get('type') == 'SyncBN' else plain
    if isinstance(node, (list, tuple)):
        return type(node)(_without_sync_norm(item) for item in node)
    return node
