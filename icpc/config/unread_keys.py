"""Refuses what a config says and nothing would read, before anything is built."""

import inspect
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.runner import Runner
from mmseg.engine.hooks import SegVisualizationHook

from ..errors import UserError, did_you_mean
from .interpolation import references
from .signatures import accepted_keys, check_built, find_type, registry_at

logger = logging.getLogger('icpc')

# Read by mmengine or by the tools besides Runner's own arguments.
_OTHER_KEYS = {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'find_unused_parameters',
    'load_from_partial',
    'model_wrapper_cfg',
    'parallel',
    'rank_timeout',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
}
# Read by load_config.
_VARIABLES = {'class_names', 'classes', 'global_batch', 'gpu_batch'}
KNOWN_KEYS = (set(inspect.signature(Runner).parameters) - {'cfg'}) | _OTHER_KEYS | _VARIABLES
# mmcv's builders take these apart themselves, so the class's signature says little about them.
_BUILDER_DICT = re.compile(r'(norm|act|conv|init|upsample|dropout|padding|plugin)_cfg|plugins')


def read_variables(tree: dict[str, Any]) -> set[str]:
    """The variables that what is built reads, through other variables too.

    Args:
        tree: The config, `${...}` not yet resolved.
    """
    found: set[str] = set()
    pending = [tree[key] for key in KNOWN_KEYS & tree.keys()]
    while pending:
        new = set(references(pending.pop())) - found
        found |= new
        pending += [tree[name] for name in new if name in tree]
    return found


def check_effect(overrides: dict[str, Any], read: set[str]) -> None:
    """Raise for an overridden variable that nothing reads any more.

    Args:
        overrides: `{dotted path: value}`.
        read: As `read_variables` gives it, after the overrides.
    """
    for path in overrides:
        key = path.split('.')[0]
        if key == 'class_names':
            raise UserError(
                'class_names is filled in from the dataset; set classes=[...] to choose classes'
            )
        if key not in KNOWN_KEYS and key not in read:
            raise UserError(
                f'{path}: overriding it has no effect, nothing in the config refers to ${{{key}}}; '
                f'leave it out, or set ${{{key}}} where it is to act'
            )


def check_read(names: Iterable[str], read: set[str], known: set[str]) -> None:
    """Raise for a top-level name that neither mmengine, icpc nor a `${...}` reads.

    Args:
        names: The top-level names.
        read: As `read_variables` gives it.
        known: Those that are no typing error, since a file of the config reads them.
    """
    for key in names:
        if _may_be_unread(key) or key in read:
            continue
        hint = '' if key in known else did_you_mean(key, KNOWN_KEYS | known | read)
        advice = (
            f'leave it out, refer to it as ${{{key}}}, or name it _{key} if only the file itself '
            'uses it'
        )
        raise UserError(f'{key}: nothing reads this variable of the config{hint or f"; {advice}"}')


def _may_be_unread(key: str) -> bool:
    return key in KNOWN_KEYS or key.startswith('_')


def drop_unread(tree: dict[str, Any], read: set[str]) -> None:
    """Leave out the variables of bases whose readers the user replaced or removed, and say so."""
    unread = [key for key in tree if not _may_be_unread(key) and key not in read]
    for key in unread:
        del tree[key]
    if unread:
        logger.info(f'{", ".join(unread)}: left out, nothing in the config reads it any more')


def check_signatures(tree: dict[str, Any]) -> None:
    """Compare every dict of the resolved config with the signature of what it builds.

    Raises:
        UserError: For an unknown type or argument; names the path and the nearest.
    """
    for key, value in tree.items():
        if key in KNOWN_KEYS and not _BUILDER_DICT.fullmatch(key):
            _check_node(value, key)


def _check_node(node: Any, path: str) -> None:
    if isinstance(node, (list, tuple)):
        for index, item in enumerate(node):
            _check_node(item, f'{path}.{index}')
    if not isinstance(node, dict):
        return
    kind = node.get('type')
    if kind is not None and registry_at(path):
        find_type(kind, path)
    elif isinstance(kind, str) and '.' in kind:
        raise UserError(f'{path}.type: {kind} is called by nothing that icpc knows; leave it out')
    accepted = accepted_keys(node, path)
    for key, value in node.items():
        if accepted is not None and key not in accepted:
            owner = node.get('type') or path
            owner = owner if isinstance(owner, str) else owner.__name__
            raise UserError(
                f'{path}.{key}: {owner} has no such argument{did_you_mean(key, accepted)}'
            )
        if _BUILDER_DICT.fullmatch(str(key)):
            check_built(value, f'{path}.{key}')
        else:
            _check_node(value, f'{path}.{key}')


def check_by_iteration(tree: dict[str, Any]) -> None:
    """Raise where something would count epochs: mmengine's default would silently never decay."""
    hooks = tree.get('default_hooks') or {}
    places = {
        f'param_scheduler.{i}': item for i, item in enumerate(_as_list(tree.get('param_scheduler')))
    }
    places |= {
        'log_processor': tree.get('log_processor'),
        'default_hooks.checkpoint': hooks.get('checkpoint'),
    }
    for path, node in places.items():
        if not isinstance(node, dict):
            continue
        accepted = accepted_keys({'type': 'LogProcessor', **node}, path)
        if (accepted is None or 'by_epoch' in accepted) and node.get('by_epoch', True):
            raise UserError(f'{path}: set by_epoch=False, everything here counts optimiser steps')


def check_hooks(tree: dict[str, Any]) -> None:
    """Raise for hooks of mmengine and MMSegmentation that would do other than they say."""
    hooks = {f'custom_hooks.{i}': hook for i, hook in enumerate(tree.get('custom_hooks') or ())}
    hooks |= {
        f'default_hooks.{k}': hook for k, hook in (tree.get('default_hooks') or {}).items() if hook
    }
    for path, hook in hooks.items():
        cls = find_type(hook.get('type'), path)
        if not inspect.isclass(cls):
            continue
        if issubclass(cls, CheckpointHook):
            raise UserError(
                f'{path}: {cls.__name__} writes checkpoints that --resume does not take; set '
                "default_hooks.checkpoint=dict(type='NewestCheckpointsHook', interval=...)"
            )
        if issubclass(cls, EMAHook):
            raise UserError(
                f'{path}: {cls.__name__} writes averages into checkpoints that '
                '--resume would take for the weights; leave it out and set ema=0.9998, or '
                'another decay'
            )
        drawing = issubclass(cls, SegVisualizationHook) and hook.get('draw', False)
        if drawing and not (tree.get('visualizer') or {}).get('vis_backends'):
            raise UserError(
                f'{path}: {cls.__name__} draws for nobody, visualizer.vis_backends '
                "is empty; set visualizer.vis_backends=[dict(type='LocalVisBackend')]"
            )


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def check_class_names(tree: dict[str, Any], expected: list[str] | None) -> None:
    """Raise when the model's class list is not the dataset's."""
    given = (tree.get('model') or {}).get('class_names')
    if expected is None or given is None or [str(name).strip() for name in given] == expected:
        return
    given = [str(name).strip() for name in given]
    pairs = zip([*given, None], [*expected, None], strict=False)
    index, pair = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
    raise UserError(
        f"model.class_names and the dataset's classes differ: {len(given)} and {len(expected)} "
        f'names; the first difference is class {index}, {pair[0]!r} in the model, {pair[1]!r} in '
        "the dataset. Set model.class_names='${class_names}' and choose classes with classes=[...]"
    )


def check_no_remote_config(files: dict[Path, str], overrides: dict[str, Any]) -> None:
    """Raise for `package::config` strings: mmengine would run pip to resolve them.

    Args:
        files: The config and its bases, path -> text.
        overrides: `{dotted path: value}`.
    """
    for file, text in files.items():
        remote = re.search(r"""['"](\w+)::[^'"]*['"]""", text)
        if remote:
            raise UserError(
                f'{file}: {remote.group(0)} would make mmengine install packages; give a path'
            )
    for key, value in overrides.items():
        if re.search(r'\b\w+::', str(value)):
            raise UserError(f'{key}={value}: it would make mmengine install packages; give a path')
