"""What single values of a config may be: refused by their key before anything is built."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import UserError

Check = Callable[[Any], bool]


def _whole(least: int) -> tuple[Check, str]:
    return (
        lambda value: type(value) is int and value >= least,
        f'a whole number from {least} on',
    )


def _number(least: float, above: bool = False) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        return _is_number(value) and (value > least if above else value >= least)

    return check, f'a number {"above" if above else "from"} {least:g}{"" if above else " on"}'


def _within(least: float, most: float, whole: bool = False) -> tuple[Check, str]:
    def check(value: Any) -> bool:
        kind = type(value) is int if whole else _is_number(value)
        return kind and least <= value <= most

    return check, f'a {"whole " if whole else ""}number from {least} to {most}'


def _none_or(rule: tuple[Check, str]) -> tuple[Check, str]:
    check, text = rule
    return lambda value: value is None or check(value), f'{text}, or None'


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, (list, tuple)) else (value,)
    return 1 <= len(sides) <= 2 and all(type(side) is int and side > 0 for side in sides)


_SIZE = _is_size, 'a whole number of pixels above 0, or two of them'
_FLAG = (lambda value: isinstance(value, bool)), 'True or False'
_TEXT = (lambda value: isinstance(value, str) and bool(value)), 'a text'
_DICT = (lambda value: isinstance(value, dict)), 'a dict'
_DICTS = (
    (
        lambda value: (
            isinstance(value, (list, tuple)) and all(isinstance(item, dict) for item in value)
        )
    ),
    'a list of dict(type=...)',
)
_WHOLES = (
    (lambda value: isinstance(value, (list, tuple)) and all(type(item) is int for item in value)),
    'a list of whole numbers',
)
_WORDS = (
    (
        lambda value: (
            isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
        )
    ),
    'a list of words',
)
_TYPED = (lambda value: isinstance(value, dict) and 'type' in value), 'dict(type=...)'
_LOADER = r'(train|val|test)_dataloader'
# Variables of the base configs first, so that a message names what the user wrote; the first match
# counts, and what no line names may be anything.
_RULES: tuple[tuple[str, tuple[Check, str]], ...] = (
    (r'max_iters|val_interval|log_interval|eval_batch|global_batch', _whole(1)),
    (r'gpu_batch|train_images', _none_or(_whole(1))),
    (r'num_workers|warmup_iters', _whole(0)),
    (r'seed|randomness\.seed', _none_or(_within(0, 2**32 - 1, whole=True))),
    (r'lr|weight_decay', _number(0)),
    (r'crop_size', _SIZE),
    (r'ignore_index', _whole(0)),
    (r'data_root|work_dir|dataset_type', _none_or(_TEXT)),
    (r'load_from', _none_or(_TEXT)),
    (r'resume|find_unused_parameters|randomness\.(deterministic|diff_rank_seed)', _FLAG),
    (r'default_scope', (lambda value: value == 'mmseg', "'mmseg', which also finds icpc's parts")),
    (r'launcher', (lambda value: value in (None, 'none'), 'left out: start with --launcher')),
    (r'model|(train|val|test)_dataloader\.dataset|optim_wrapper\.optimizer', _TYPED),
    (r'default_hooks|env_cfg|randomness', _DICT),
    (rf'{_LOADER}|optim_wrapper|(train|val|test)_cfg', _none_or(_DICT)),
    (r'custom_hooks', _none_or(_DICTS)),
    (r'(custom_hooks|param_scheduler)\.\d+', _TYPED),
    (r'train_cfg\.(max_iters|val_interval|val_begin|accumulation)', _whole(1)),
    (rf'{_LOADER}\.batch_size', _whole(1)),
    (rf'{_LOADER}\.num_workers', _whole(0)),
    (rf'{_LOADER}\.(persistent_workers|pin_memory|drop_last)', _FLAG),
    (rf'{_LOADER}\.prefetch_factor', _none_or(_whole(1))),
    (rf'{_LOADER}\.dataset\.data_root', _none_or(_TEXT)),
    (rf'{_LOADER}\.dataset\.metainfo', _none_or(_DICT)),
    (r'default_hooks\.\w+', _none_or(_DICT)),
    (r'default_hooks\.\w+\.(interval|keep)', _whole(1)),
    (r'optim_wrapper\.optimizer\.(lr|weight_decay|momentum|eps)', _number(0)),
    (r'optim_wrapper\.paramwise_cfg\.(norm_decay_mult|custom_keys\..+_mult)', _number(0)),
    (r'param_scheduler\.\d+\.(begin|T_max)', _whole(0)),
    (r'param_scheduler\.\d+\.(end)', _whole(1)),
    (r'param_scheduler\.\d+\.(power|eta_min)', _number(0)),
    (r'param_scheduler\.\d+\.start_factor', _number(0, above=True)),
    (r'model\.(neck\.out_channels|decode_head\.channels)', _whole(1)),
    (r'model\.decode_head\.dropout_ratio|model\.backbone\.drop_path', _within(0, 1)),
    (r'model\.clip\.model', (lambda value: isinstance(value, (str, dict)), 'a name, path or dict')),
    (r'model\.clip\.image_size', _none_or(_whole(1))),
    (r'model\.losses\.\w+\.temperature', _number(0, above=True)),
    (r'model\.losses\.\w+\.weight', _number(0)),
    (r'model\.losses\.\w+\.num_hard', _whole(1)),
    (r'model\.(prompter\.num_contexts)', _none_or(_whole(1))),
    (r'model\.clip\.pretrained', _none_or(_TEXT)),
    (r'model\.neck\.levels', _WHOLES),
    (r'model\.backbone\.frozen_stages', _whole(0)),
    (r'train_conditions|val_conditions|test_conditions', _none_or(_WORDS)),
)
_CONTAINERS = (_TYPED, _DICT)
_COMPILED = tuple((re.compile(pattern), rule) for pattern, rule in _RULES)


def check_values(tree: dict[str, Any]) -> None:
    """Raise for a value of the wrong type or range.

    Args:
        tree: A config without `${...}`, variables among it.

    Raises:
        UserError: It names the key, what is accepted and what was given.
    """
    for path, value in _all(tree):
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f'{path} must be a finite number, got {value!r}')
        for pattern, (check, text) in _COMPILED:
            if pattern.fullmatch(path):
                if not check(value):
                    raise UserError(f'{path} must be {text}, got {value!r}')
                break
    _check_length(tree)


def check_containers(tree: dict[str, Any]) -> None:
    """Raise where a plain value stands in the place of a dict, before `${...}` is resolved.

    Args:
        tree: A config.
    """
    for key, value in tree.items():
        if isinstance(value, str) and '${' in value:
            continue
        for pattern, (check, text) in _COMPILED:
            if pattern.fullmatch(key) and (check, text) in _CONTAINERS and not check(value):
                raise UserError(f'{key} must be {text}, got {value!r}')


def _check_length(tree: dict[str, Any]) -> None:
    """Raise where the loop is given another length than the schedules."""
    for key in ('max_iters', 'val_interval'):
        own = (tree.get('train_cfg') or {}).get(key)
        if None not in (own, tree.get(key)) and own != tree[key]:
            raise UserError(
                f'train_cfg.{key}={own!r}, but {key}={tree[key]!r}, which schedules and hooks '
                f'follow: set {key} alone'
            )


def _all(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Every value with its dotted path, containers before what they hold, plain values first."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    nested = []
    for key, value in items:
        here = f'{path}.{key}'.lstrip('.')
        yield here, value
        if isinstance(value, (dict, list, tuple)):
            nested.append((value, here))
    for value, here in nested:
        yield from _all(value, here)
