"""From a config file and overrides to the finished config that mmengine's Runner reads.

Order: load, override, class names, `${...}`, batch, checks. Because `${...}` is resolved after the
overrides, one override acts everywhere the variable is used.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device

from ..checkpoints.content import check_loads_safely
from ..datasets.checks.verification import LOADERS
from ..errors import PASSES, UserError, own_fault
from ..memory.host import available_memory
from ..startup import registration
from ..startup.packaged import find_config
from . import unread_keys
from .bases import config_files, mentioned, own_names
from .batch_plan import plan_batch, world_size
from .class_list import fill_classes
from .interpolation import Interpolator
from .overrides import apply_overrides, parse_overrides
from .signatures import find_type, is_free
from .switches import take_switches
from .user_modules import import_modules
from .values.value_ranges import check_containers, check_values

logger = logging.getLogger('icpc')

# mmengine leaves these out itself where they are None, and would add them where they are missing.
_MMENGINE_HOOKS = {
    'runtime_info',
    'timer',
    'sampler_seed',
    'logger',
    'param_scheduler',
    'checkpoint',
}
_OVERRIDES = 'overrides'  # in a config file


def load_config(
    path: str | Path,
    overrides: dict[str, Any] | Sequence[str] | None = None,
    work_dir: str | Path | None = None,
) -> Config:
    """Load a config, apply overrides, resolve `${...}`, and check all of it.

    Args:
        path: A text config (`_base_` style), or the name of a packaged one, such as
            `icpc/icpc_rn50_fpn_80k_ade20k-512`.
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
    """Load a config and apply overrides; `${...}` stays, so it can be overridden again.

    The config's own `overrides`, a dict in the notation of the command line, come first.
    """
    path = find_config(path)
    parsed = parse_overrides(overrides)
    files = config_files(path)
    unread_keys.check_no_remote_config(files, parsed)
    registration.fill()
    tree = _read(path)
    import_modules(tree, parsed, path)
    set_here = own_names(path, files[path]) or set(tree)
    own = _own_overrides(tree, path)
    known = unread_keys.read_variables(tree) | mentioned(files.values())
    # What the file itself sets has to be read; what bases set may have lost its reader.
    unread_keys.check_read(tree, known, known)
    read = apply_overrides(tree, own, unread_keys.KNOWN_KEYS) | unread_keys.read_variables(tree)
    if _OVERRIDES in set_here:
        unread_keys.check_effect(own, read)
    unread_keys.check_read([key for key in tree if key in set_here], read, known)
    copied = apply_overrides(tree, parsed, unread_keys.KNOWN_KEYS)
    read = unread_keys.read_variables(tree)
    unread_keys.check_effect(parsed, read | copied)
    unread_keys.drop_unread(tree, read)
    return Config(tree, filename=str(path))


def overrides_of(path: Path) -> dict[str, Any]:
    """What a config file overrides itself, `{dotted path: value}`."""
    return _own_overrides(_read(path), path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return Config.fromfile(str(path), import_custom_modules=False).to_dict()
    except (UserError, *PASSES):
        raise
    except BaseException as error:
        fault = own_fault(error)
        raise UserError(f'{path}: {error}' if fault is None else str(fault)) from error


def _own_overrides(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    own = tree.pop(_OVERRIDES, None) or {}
    if not isinstance(own, dict) or not all(isinstance(key, str) and key for key in own):
        raise UserError(f"{path}: overrides must be a dict such as {{'lr': 1e-4}}, got {own!r}")
    return own


def finish_config(merged: Config, work_dir: str | Path | None = None) -> Config:
    """Resolve `${...}`, fill what follows from the rest, and check the whole."""
    tree = merged.to_dict()
    check_containers(tree)
    names = fill_classes(tree)
    resolver = Interpolator(tree)
    tree = {key: resolver.variable(key, key) for key in tree}
    check_values(tree)
    _remove_parts(tree)
    _fill_pixels(tree)
    take_switches(tree)
    _fill_batch(tree)
    _fill_loaders(tree)
    if get_device() == 'cpu':
        tree['model'] = _without_sync_norm(tree.get('model'))
    default = Path('work_dirs') / Path(merged.filename).stem
    tree['work_dir'] = str(work_dir or tree.get('work_dir') or default)
    unread_keys.check_class_names(tree, names)
    unread_keys.check_signatures(tree)
    unread_keys.check_by_iteration(tree)
    unread_keys.check_hooks(tree)
    _check_batch(tree)
    if tree.get('load_from'):
        check_loads_safely(tree['load_from'])
    elif tree.get('load_from_partial'):
        raise UserError('load_from_partial=True: there is no load_from; name the checkpoint')
    if not tree.get('load_from_partial'):
        tree.pop('load_from_partial', None)  # as in runs that have no such key
    return Config(tree, filename=merged.filename)


def fill_model(model: dict[str, Any]) -> dict[str, Any]:
    """A resolved model's config as `finish_config` leaves it for one process that predicts.

    Args:
        model: Changed in place: the pixels' mean and deviation are filled in.

    Returns:
        It, without parts that are None and without SyncBN.
    """
    tree = {'model': model}
    _remove_parts(tree)
    _fill_pixels(tree)
    return _without_sync_norm(tree['model'])


def _remove_parts(tree: dict[str, Any], path: str = '') -> None:
    """Take the entries that an override set to None out of dicts of named parts."""
    for key, value in list(tree.items()):
        here = f'{path}.{key}'.lstrip('.')
        if isinstance(value, dict):
            _remove_parts(value, here)
        elif value is None and is_free(path) and key not in _MMENGINE_HOOKS:
            del tree[key]


def _fill_pixels(tree: dict[str, Any]) -> None:
    """Mean and deviation of the pixels, where the model knows them."""
    model = tree.get('model') or {}
    fill = getattr(find_type(model.get('type'), 'model'), 'fill_pixels', None)
    with suppress(ValueError):  # no such CLIP: the check of the data, or the model itself, says so
        note = fill(model) if fill else None
        if note:
            logger.info(note)


def _fill_batch(tree: dict[str, Any]) -> None:
    loader, loop = tree.get('train_dataloader'), tree.get('train_cfg')
    if not loader or not loop:
        return
    if not tree.get('optim_wrapper'):
        raise UserError('optim_wrapper is empty: a training needs an optimizer; set it')
    if tree.get('global_batch') is None:
        if loader.get('batch_size') is None:
            raise UserError('global_batch is None: set it, or train_dataloader.batch_size')
        return
    plan = plan_batch(tree['global_batch'], tree.get('gpu_batch'), world_size())
    if 'batch_size' in loader:
        raise UserError(
            'train_dataloader.batch_size follows from global_batch and gpu_batch; leave it out'
        )
    loader['batch_size'] = plan.batch
    loop['accumulation'] = plan.accumulation
    tree['optim_wrapper']['accumulative_counts'] = plan.accumulation


def _check_batch(tree: dict[str, Any]) -> None:
    """Raise where the pictures of one pass alone are larger than the memory."""
    size = ((tree.get('model') or {}).get('data_preprocessor') or {}).get('size')
    pictures, free = (tree.get('train_dataloader') or {}).get('batch_size'), available_memory()
    if None in (size, pictures, free):
        return
    needed = pictures * 3 * size[0] * size[1]  # as bytes, before anything is computed
    if needed > free:
        raise UserError(
            f'global_batch: a pass of {pictures} pictures of {size[0]} x {size[1]} takes '
            f'{needed:,} bytes, {free:,} are free: set gpu_batch, which splits it, or a smaller '
            'crop_size'
        )


def _fill_loaders(tree: dict[str, Any]) -> None:
    for key in LOADERS:
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
