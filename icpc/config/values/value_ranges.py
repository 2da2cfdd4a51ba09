"""What single values of a config may be: refused by their key before anything is built."""

import math
import re
from collections.abc import Iterator
from typing import Any

from ...errors import UserError
from .kinds import (
    ABOVE_ZERO,
    CHANNELS,
    CLIP,
    CLIP_MODEL,
    DICT,
    DICTS,
    FACTORS,
    FLAG,
    HOOKS,
    LEFT_OUT,
    MODE,
    MOST_PICTURES,
    MOST_STEPS,
    NAMES,
    NO_LAUNCHER,
    NO_SCALING,
    PAIR,
    PARTS,
    PLAIN_TEXT,
    POSITIVE_CHANNELS,
    RANGE,
    SCOPE,
    SEED,
    SHARE_ABOVE_ZERO,
    SHARES,
    SIZE,
    SIZES,
    SOME_WORDS,
    STEPS,
    TEXT,
    TYPED,
    WHOLES,
    WIDTHS,
    WITH_DATASET,
    WORDS,
    Rule,
    none_or,
    number,
    whole,
    whole_to,
    within,
)

_STEP = r'(.*\.)?\w*pipeline(\.\d+|\.transforms)+'
_EVALUATOR = r'(val|test)_evaluator(\.\d+)?'
_LOADER = r'(train|val|test)_dataloader'
# Variables of the base configs first, so that a message names what the user wrote; the first match
# counts, and what no line names may be anything.
_RULES: tuple[tuple[str, Rule], ...] = (
    (r'max_iters|val_interval|log_interval', whole_to(1, MOST_STEPS)),
    (r'eval_batch|global_batch', whole_to(1, MOST_PICTURES)),
    (r'gpu_batch', none_or(whole_to(1, MOST_PICTURES))),
    (r'train_images', none_or(whole(1))),
    (r'num_workers|warmup_iters', whole(0)),
    (r'seed|randomness\.seed', none_or(SEED)),
    (r'lr|weight_decay', number(0)),
    (rf'rank_timeout|{_LOADER}\.timeout', ABOVE_ZERO),
    (r'crop_size', SIZE),
    (r'ignore_index', whole(0)),
    (r'data_root|work_dir|dataset_type', none_or(TEXT)),
    (r'load_from', none_or(TEXT)),
    (r'resume|load_from_partial|find_unused_parameters', FLAG),
    (r'randomness\.(deterministic|diff_rank_seed)', FLAG),
    (r'default_scope', SCOPE),
    (r'custom_imports\.imports', none_or(NAMES)),
    (r'launcher', NO_LAUNCHER),
    (r'model|(train|val|test)_dataloader\.dataset|optim_wrapper\.optimizer', TYPED),
    (r'default_hooks', HOOKS),
    (r'env_cfg|randomness', DICT),
    (r'auto_scale_lr', NO_SCALING),
    (r'optim_wrapper\.accumulative_counts', LEFT_OUT),
    (r'experiment_name', LEFT_OUT),
    (r'model_wrapper_cfg', none_or(DICT)),
    (rf'{_LOADER}\.dataset\.(data_prefix|metainfo)', none_or(DICT)),
    (rf'{_LOADER}\.dataset\.data_prefix\..+', PLAIN_TEXT),
    (r'tracker|default_hooks\.metrics\.tracker', none_or(TEXT)),
    (rf'{_LOADER}\.(batch_)?sampler', none_or(TYPED)),
    (rf'{_LOADER}\.dataset\.ann_file', none_or(PLAIN_TEXT)),
    (r'optim_wrapper\.paramwise_cfg(\.custom_keys(\.[^.]+)?)?', none_or(DICT)),
    (r'model\.data_preprocessor', TYPED),
    (r'model\.(prompter|neck|decode_head|init_cfg)', none_or(TYPED)),
    (r'model\.(losses|train_cfg|test_cfg|prompter\.text_encoder)', none_or(DICT)),
    (r'model\.backbone', DICT),
    (r'model\.class_names', none_or(SOME_WORDS)),
    (r'model\.losses\.\w+', none_or(TYPED)),
    (r'model\.clip', CLIP),
    (r'model\.decode_head\.loss_decode', PARTS),
    (r'model\.shuffle_names', none_or(whole(0))),
    (rf'((model|{_EVALUATOR})\.)?held_out_classes', none_or(SOME_WORDS)),
    (rf'{_EVALUATOR}\.seen_conditions', none_or(SOME_WORDS)),
    (rf'{_EVALUATOR}\.ignore_index', whole(0)),
    (r'model\.test_cfg\.mode', MODE),
    (r'model\.backbone\.norm_eval', FLAG),
    (r'model\.data_preprocessor\.size', none_or(PAIR)),
    (r'model\.data_preprocessor\.size_divisor', none_or(whole(1))),
    (r'model\.data_preprocessor\.(seg_)?pad_val', none_or(number(0))),
    (r'model\.data_preprocessor\.mean', none_or(CHANNELS)),
    (r'model\.data_preprocessor\.std', none_or(POSITIVE_CHANNELS)),
    (r'(model\..*|default_hooks\..*)\.loss_weight', number(0)),
    (r'default_hooks\.(labels|prior)\.sample', none_or(whole(1))),
    (_LOADER, none_or(WITH_DATASET)),
    (r'optim_wrapper|(train|val|test)_cfg', none_or(DICT)),
    (r'(val|test)_evaluator', none_or(PARTS)),
    (r'custom_hooks', none_or(DICTS)),
    (r'(custom_hooks|param_scheduler)\.\d+', TYPED),
    (r'train_cfg\.(max_iters|val_interval|val_begin|accumulation)', whole(1)),
    (rf'{_LOADER}\.batch_size', whole_to(1, MOST_PICTURES)),
    (rf'{_LOADER}\.num_workers', whole(0)),
    (rf'{_LOADER}\.(persistent_workers|pin_memory|drop_last)', FLAG),
    (rf'{_LOADER}\.prefetch_factor', none_or(whole(1))),
    (rf'{_LOADER}\.dataset\.data_root', none_or(TEXT)),
    (r'(.*\.)?\w*pipeline', STEPS),
    (rf'{_STEP}\.meta_keys', SOME_WORDS),
    (rf'{_STEP}\.(contrast|saturation)_range', none_or(RANGE)),
    (rf'{_STEP}\.hue_delta', whole(1)),
    (rf'{_STEP}\.brightness_delta', number(0)),
    (rf'{_STEP}\.prob', none_or(SHARES)),
    (rf'{_STEP}\.ratio_range', none_or(RANGE)),
    (rf'{_STEP}\.scales?', none_or(SIZES)),
    (rf'{_STEP}\.scale_factor', none_or(FACTORS)),
    (rf'{_STEP}\.crop_size', SIZE),
    (rf'{_STEP}\.cat_max_ratio', SHARE_ABOVE_ZERO),
    (rf'{_STEP}\.size_divisor', none_or(whole(1))),
    (r'default_hooks\.\w+', none_or(DICT)),
    (r'default_hooks\.\w+\.(interval|keep)', whole(1)),
    (r'optim_wrapper\.optimizer\.(lr|weight_decay|momentum|eps)', number(0)),
    (r'optim_wrapper\.paramwise_cfg\.(norm_decay_mult|custom_keys\..+_mult)', number(0)),
    (r'param_scheduler\.\d+\.(begin|T_max)', whole(0)),
    (r'param_scheduler\.\d+\.(end)', whole(1)),
    (r'param_scheduler\.\d+\.(power|eta_min)', number(0)),
    (r'param_scheduler\.\d+\.start_factor', ABOVE_ZERO),
    (r'model\.(neck\.out_channels|decode_head\.channels)', whole(1)),
    (r'model\.decode_head\.dropout_ratio|model\.backbone\.drop_path', within(0, 1)),
    (r'model\.clip\.model', CLIP_MODEL),
    (r'model\.clip\.image_size', none_or(whole(1))),
    (r'model\.(.+\.)?temperature', ABOVE_ZERO),
    (r'model\.(.+\.)?((in|out|embed)_)?channels|model\.(.+\.)?(num_classes|width)', WIDTHS),
    (r'model\.test_cfg\.mode', Rule(lambda v: v in ('whole', 'slide'), "'whole' or 'slide'")),
    (r'model\.test_cfg\.(crop_size|stride)', none_or(PAIR)),
    (r'model\.losses\.\w+\.weight', number(0)),
    (r'model\.losses\.\w+\.num_hard', whole(1)),
    (r'model\.(prompter\.num_contexts)', none_or(whole(1))),
    (r'model\.clip\.pretrained', none_or(TEXT)),
    (r'model\.neck\.levels', WHOLES),
    (r'model\.backbone\.frozen_stages', whole(0)),
    (r'train_conditions|val_conditions|test_conditions', none_or(WORDS)),
)
_CONTAINERS = (TYPED, DICT, HOOKS)
# All at once: a config has hundreds of values, and each would be compared with every line.
_PATTERN = re.compile('|'.join(f'(?P<_{i}>{pattern})' for i, (pattern, _) in enumerate(_RULES)))
_UNWRITABLE = re.compile('[\0\ud800-\udfff]')  # a null byte, half of a character


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
        if isinstance(value, str) and _UNWRITABLE.search(value):
            raise UserError(f'{path}: {value!r} holds a character that no file can hold')
        if isinstance(value, int) and abs(value) >= 2**63:
            raise UserError(f'{path} must be a whole number below 2**63')
        rule = _rule_of(path)
        if rule and not rule.holds(value):
            raise UserError(f'{path} must be {rule.text}, got {value!r}')
    _check_length(tree)
    _check_windows((tree.get('model') or {}).get('test_cfg') or {})
    _check_padding(tree)


def check_containers(tree: dict[str, Any]) -> None:
    """Raise where a plain value stands in the place of a dict, before `${...}` is resolved.

    Args:
        tree: A config.
    """
    for key, value in tree.items():
        if isinstance(value, str) and '${' in value:
            continue
        rule = _rule_of(key)
        if rule in _CONTAINERS and not rule.holds(value):
            raise UserError(f'{key} must be {rule.text}, got {value!r}')


def _check_length(tree: dict[str, Any]) -> None:
    """Raise where the loop is given another length than the schedules."""
    for key in ('max_iters', 'val_interval'):
        own = (tree.get('train_cfg') or {}).get(key)
        if None not in (own, tree.get(key)) and own != tree[key]:
            raise UserError(
                f'train_cfg.{key}={own!r}, but {key}={tree[key]!r}, which schedules and hooks '
                f'follow: set {key} alone'
            )


def _rule_of(path: str) -> Rule | None:
    """The first of the rules whose pattern is a dotted path's."""
    found = _PATTERN.fullmatch(path)
    return _RULES[int(found.lastgroup[1:])][1] if found else None


def _check_windows(test_cfg: dict[str, Any]) -> None:
    """Raise for windows that do not cover a picture."""
    if test_cfg.get('mode') != 'slide':
        return
    crop, stride = (test_cfg.get(key) for key in ('crop_size', 'stride'))
    if crop is None or stride is None:
        raise UserError("model.test_cfg.mode='slide' needs model.test_cfg.crop_size and .stride")
    if any(step > side for step, side in zip(stride, crop, strict=True)):
        raise UserError(
            f'model.test_cfg.stride must be at most the crop_size {crop!r}, or pixels between the '
            f'windows are left out; got {stride!r}'
        )


def _check_padding(tree: dict[str, Any]) -> None:
    """Raise where MMSegmentation would not know to which size it pads a batch of a training."""
    padding = (tree.get('model') or {}).get('data_preprocessor') or {}
    sizes = padding.get('size'), padding.get('size_divisor')
    trains = tree.get('train_dataloader') and padding.get('type') == 'SegDataPreProcessor'
    if trains and (sizes[0] is None) == (sizes[1] is None):
        raise UserError(
            'model.data_preprocessor must have one of size and size_divisor, to which pictures are '
            f'padded; got {sizes[0]!r} and {sizes[1]!r}'
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
