"""What single values of a config may be: refused by their key before anything is built."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..errors import UserError

_LARGEST_SIDE = 2**16  # pixels; our choice, as the next two: a slip of the keys is beyond them
_MOST_PICTURES = 2**20  # in a batch
_MOST_STEPS = 2**40


class Rule(NamedTuple):
    """What a value may be.

    Attributes:
        holds: Whether a value is such a one.
        text: The same in words, behind "must be".
    """

    holds: Callable[[Any], bool]
    text: str


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _all_are(kind: Callable[[Any], bool], value: Any) -> bool:
    """Whether a value is a list whose items are all of a kind."""
    return isinstance(value, (list, tuple)) and all(map(kind, value))


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _whole(least: int) -> Rule:
    return Rule(lambda value: _is_whole(value, least), f'a whole number from {least} on')


def _number(least: float) -> Rule:
    return Rule(lambda value: _is_number(value) and value >= least, f'a number from {least:g} on')


def _within(least: float, most: float) -> Rule:
    return Rule(
        lambda value: _is_number(value) and least <= value <= most,
        f'a number from {least:g} to {most:g}',
    )


def _dict_with(key: str, text: str) -> Rule:
    return Rule(lambda value: _is_dict(value) and key in value, text)


def _none_or(rule: Rule) -> Rule:
    return Rule(lambda value: value is None or rule.holds(value), f'{rule.text}, or None')


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, (list, tuple)) else (value,)
    return 1 <= len(sides) <= 2 and all(
        _is_whole(side, 1) and side <= _LARGEST_SIDE for side in sides
    )


def _is_triple(value: Any) -> bool:
    return _all_are(_is_number, value) and len(value) == 3


def _are_parts(value: Any) -> bool:
    return _is_dict(value) or (_all_are(_is_dict, value) and len(value) > 0)


def _scales_nothing(value: Any) -> bool:
    return value is None or (_is_dict(value) and not value.get('enable'))


def _whole_to(least: int, most: int) -> Rule:
    return Rule(
        lambda value: _is_whole(value, least) and value <= most,
        f'a whole number from {least} to {most}',
    )


def _are_widths(value: Any) -> bool:
    """Whether a value is a number of channels, or several of them."""
    several = isinstance(value, (list, tuple)) and len(value) > 0
    return all(_is_whole(width, 1) for width in (value if several else (value,)))


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _are_shares(value: Any) -> bool:
    several = _all_are(_is_share, value) and len(value) > 0
    return _is_share(value) or (several and sum(value) <= 1)


def _is_range(value: Any) -> bool:
    return _all_are(_is_number, value) and len(value) == 2 and 0 < value[0] <= value[1]


def _are_steps(value: Any) -> bool:
    return _all_are(lambda step: _is_dict(step) and step.get('type') is not None, value) and bool(
        value
    )


def _are_sizes(value: Any) -> bool:
    return _is_size(value) or (_all_are(_is_size, value) and len(value) > 0)


def _are_factors(value: Any) -> bool:
    sides = value if isinstance(value, (list, tuple)) else (value,)
    return 1 <= len(sides) <= 2 and all(_is_number(side) and side > 0 for side in sides)


_ABOVE_ZERO = Rule(lambda value: _is_number(value) and value > 0, 'a number above 0')
_SEED = Rule(lambda value: _is_whole(value, 0) and value < 2**32, 'a whole number below 2**32')
_SIZE = Rule(_is_size, f'a whole number of pixels from 1 to {_LARGEST_SIDE}, or two of them')
_PAIR = Rule(
    lambda value: isinstance(value, (list, tuple)) and len(value) == 2 and _is_size(value),
    f'two whole numbers of pixels from 1 to {_LARGEST_SIDE}, (height, width)',
)
_WIDTHS = _none_or(Rule(_are_widths, 'a whole number from 1 on, or a list of them'))
_CHANNELS = Rule(_is_triple, 'three numbers')
_POSITIVE_CHANNELS = Rule(
    lambda value: _is_triple(value) and min(value) > 0, 'three numbers above 0'
)
_FLAG = Rule(lambda value: isinstance(value, bool), 'True or False')
_TEXT = Rule(lambda value: isinstance(value, str) and bool(value), 'a text')
_PLAIN_TEXT = Rule(lambda value: isinstance(value, str), 'a text')
_WHOLES = Rule(lambda value: _all_are(lambda n: type(n) is int, value), 'a list of whole numbers')
_WORDS = Rule(lambda value: _all_are(lambda n: isinstance(n, str), value), 'a list of words')
_NAMES = Rule(lambda value: isinstance(value, str) or _WORDS.holds(value), 'a list of names')
_SOME_WORDS = Rule(lambda value: _WORDS.holds(value) and len(value) > 0, 'a list of words')
_MODE = Rule(lambda value: value in ('whole', 'slide'), "'whole' or 'slide'")
_DICT = Rule(_is_dict, 'a dict')
_DICTS = Rule(lambda value: _all_are(_is_dict, value), 'a list of dict(type=...)')
_HOOKS = _dict_with(
    'checkpoint', 'a dict of hooks, checkpoint among them; default_hooks.NAME=None takes one out'
)
_TYPED = _dict_with('type', 'dict(type=...)')
_WITH_DATASET = _dict_with('dataset', 'a dict with dataset=dict(type=...)')
_PARTS = Rule(_are_parts, 'dict(type=...), or a list of them')
_CLIP = _dict_with('model', 'dict(model=...)')
_CLIP_MODEL = Rule(lambda value: isinstance(value, (str, dict)), 'a name, path or dict')
_SCOPE = Rule(lambda value: value == 'mmseg', "'mmseg', which also finds icpc's parts")
_NO_LAUNCHER = Rule(lambda value: value in (None, 'none'), 'left out: start with --launcher')
_NO_SCALING = Rule(_scales_nothing, 'left out: lr is that of the global batch')
_LEFT_OUT = Rule(lambda value: value is None, 'left out: it follows from the rest')
_SHARES = Rule(
    lambda value: (
        _is_share(value) or (_all_are(_is_share, value) and len(value) > 0 and sum(value) <= 1)
    ),
    'a number from 0 to 1, or several whose sum is at most 1',
)
_RANGE = Rule(_is_range, 'two numbers above 0, the smaller one first')
_SIZES = Rule(_are_sizes, 'whole numbers of pixels above 0')
_FACTORS = Rule(_are_factors, 'a number above 0, or two of them')
_SHARE_ABOVE_ZERO = Rule(lambda value: _is_share(value) and value > 0, 'a number above 0, up to 1')
_STEP = r'(.*\.)?\w*pipeline(\.\d+|\.transforms)+'
_STEPS = Rule(_are_steps, 'a list of dict(type=...)')
_EVALUATOR = r'(val|test)_evaluator(\.\d+)?'
_LOADER = r'(train|val|test)_dataloader'
# Variables of the base configs first, so that a message names what the user wrote; the first match
# counts, and what no line names may be anything.
_RULES: tuple[tuple[str, Rule], ...] = (
    (r'max_iters|val_interval|log_interval', _whole_to(1, _MOST_STEPS)),
    (r'eval_batch|global_batch', _whole_to(1, _MOST_PICTURES)),
    (r'gpu_batch', _none_or(_whole_to(1, _MOST_PICTURES))),
    (r'train_images', _none_or(_whole(1))),
    (r'num_workers|warmup_iters', _whole(0)),
    (r'seed|randomness\.seed', _none_or(_SEED)),
    (r'lr|weight_decay', _number(0)),
    (rf'rank_timeout|{_LOADER}\.timeout', _ABOVE_ZERO),
    (r'crop_size', _SIZE),
    (r'ignore_index', _whole(0)),
    (r'data_root|work_dir|dataset_type', _none_or(_TEXT)),
    (r'load_from', _none_or(_TEXT)),
    (r'resume|load_from_partial|find_unused_parameters', _FLAG),
    (r'randomness\.(deterministic|diff_rank_seed)', _FLAG),
    (r'default_scope', _SCOPE),
    (r'custom_imports\.imports', _none_or(_NAMES)),
    (r'launcher', _NO_LAUNCHER),
    (r'model|(train|val|test)_dataloader\.dataset|optim_wrapper\.optimizer', _TYPED),
    (r'default_hooks', _HOOKS),
    (r'env_cfg|randomness', _DICT),
    (r'auto_scale_lr', _NO_SCALING),
    (r'optim_wrapper\.accumulative_counts', _LEFT_OUT),
    (r'experiment_name', _LEFT_OUT),
    (r'model_wrapper_cfg', _none_or(_DICT)),
    (rf'{_LOADER}\.dataset\.(data_prefix|metainfo)', _none_or(_DICT)),
    (rf'{_LOADER}\.dataset\.data_prefix\..+', _PLAIN_TEXT),
    (r'tracker|default_hooks\.metrics\.tracker', _none_or(_TEXT)),
    (rf'{_LOADER}\.(batch_)?sampler', _none_or(_TYPED)),
    (rf'{_LOADER}\.dataset\.ann_file', _none_or(_PLAIN_TEXT)),
    (r'optim_wrapper\.paramwise_cfg(\.custom_keys(\.[^.]+)?)?', _none_or(_DICT)),
    (r'model\.data_preprocessor', _TYPED),
    (r'model\.(prompter|neck|decode_head|init_cfg)', _none_or(_TYPED)),
    (r'model\.(losses|train_cfg|test_cfg|prompter\.text_encoder)', _none_or(_DICT)),
    (r'model\.backbone', _DICT),
    (r'model\.class_names', _none_or(_SOME_WORDS)),
    (r'model\.losses\.\w+', _none_or(_TYPED)),
    (r'model\.clip', _CLIP),
    (r'model\.decode_head\.loss_decode', _PARTS),
    (r'model\.shuffle_names', _none_or(_whole(0))),
    (rf'((model|{_EVALUATOR})\.)?held_out_classes', _none_or(_SOME_WORDS)),
    (rf'{_EVALUATOR}\.seen_conditions', _none_or(_SOME_WORDS)),
    (rf'{_EVALUATOR}\.ignore_index', _whole(0)),
    (r'model\.test_cfg\.mode', _MODE),
    (r'model\.backbone\.norm_eval', _FLAG),
    (r'model\.data_preprocessor\.size', _none_or(_PAIR)),
    (r'model\.data_preprocessor\.size_divisor', _none_or(_whole(1))),
    (r'model\.data_preprocessor\.(seg_)?pad_val', _none_or(_number(0))),
    (r'model\.data_preprocessor\.mean', _none_or(_CHANNELS)),
    (r'model\.data_preprocessor\.std', _none_or(_POSITIVE_CHANNELS)),
    (r'(model\..*|default_hooks\..*)\.loss_weight', _number(0)),
    (r'default_hooks\.(labels|prior)\.sample', _none_or(_whole(1))),
    (_LOADER, _none_or(_WITH_DATASET)),
    (r'optim_wrapper|(train|val|test)_cfg', _none_or(_DICT)),
    (r'(val|test)_evaluator', _none_or(_PARTS)),
    (r'custom_hooks', _none_or(_DICTS)),
    (r'(custom_hooks|param_scheduler)\.\d+', _TYPED),
    (r'train_cfg\.(max_iters|val_interval|val_begin|accumulation)', _whole(1)),
    (rf'{_LOADER}\.batch_size', _whole_to(1, _MOST_PICTURES)),
    (rf'{_LOADER}\.num_workers', _whole(0)),
    (rf'{_LOADER}\.(persistent_workers|pin_memory|drop_last)', _FLAG),
    (rf'{_LOADER}\.prefetch_factor', _none_or(_whole(1))),
    (rf'{_LOADER}\.dataset\.data_root', _none_or(_TEXT)),
    (r'(.*\.)?\w*pipeline', _STEPS),
    (rf'{_STEP}\.meta_keys', _SOME_WORDS),
    (rf'{_STEP}\.(contrast|saturation)_range', _none_or(_RANGE)),
    (rf'{_STEP}\.hue_delta', _whole(1)),
    (rf'{_STEP}\.brightness_delta', _number(0)),
    (rf'{_STEP}\.prob', _none_or(_SHARES)),
    (rf'{_STEP}\.ratio_range', _none_or(_RANGE)),
    (rf'{_STEP}\.scales?', _none_or(_SIZES)),
    (rf'{_STEP}\.scale_factor', _none_or(_FACTORS)),
    (rf'{_STEP}\.crop_size', _SIZE),
    (rf'{_STEP}\.cat_max_ratio', _SHARE_ABOVE_ZERO),
    (rf'{_STEP}\.size_divisor', _none_or(_whole(1))),
    (r'default_hooks\.\w+', _none_or(_DICT)),
    (r'default_hooks\.\w+\.(interval|keep)', _whole(1)),
    (r'optim_wrapper\.optimizer\.(lr|weight_decay|momentum|eps)', _number(0)),
    (r'optim_wrapper\.paramwise_cfg\.(norm_decay_mult|custom_keys\..+_mult)', _number(0)),
    (r'param_scheduler\.\d+\.(begin|T_max)', _whole(0)),
    (r'param_scheduler\.\d+\.(end)', _whole(1)),
    (r'param_scheduler\.\d+\.(power|eta_min)', _number(0)),
    (r'param_scheduler\.\d+\.start_factor', _ABOVE_ZERO),
    (r'model\.(neck\.out_channels|decode_head\.channels)', _whole(1)),
    (r'model\.decode_head\.dropout_ratio|model\.backbone\.drop_path', _within(0, 1)),
    (r'model\.clip\.model', _CLIP_MODEL),
    (r'model\.clip\.image_size', _none_or(_whole(1))),
    (r'model\.(.+\.)?temperature', _ABOVE_ZERO),
    (r'model\.(.+\.)?((in|out|embed)_)?channels|model\.(.+\.)?(num_classes|width)', _WIDTHS),
    (r'model\.test_cfg\.mode', Rule(lambda v: v in ('whole', 'slide'), "'whole' or 'slide'")),
    (r'model\.test_cfg\.(crop_size|stride)', _none_or(_PAIR)),
    (r'model\.losses\.\w+\.weight', _number(0)),
    (r'model\.losses\.\w+\.num_hard', _whole(1)),
    (r'model\.(prompter\.num_contexts)', _none_or(_whole(1))),
    (r'model\.clip\.pretrained', _none_or(_TEXT)),
    (r'model\.neck\.levels', _WHOLES),
    (r'model\.backbone\.frozen_stages', _whole(0)),
    (r'train_conditions|val_conditions|test_conditions', _none_or(_WORDS)),
)
_CONTAINERS = (_TYPED, _DICT, _HOOKS)
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
        if isinstance(value, str) and not _is_writable(value):
            raise UserError(f'{path}: {value!r} holds a character that no file can hold')
        if isinstance(value, int) and abs(value) >= 2**63:
            raise UserError(f'{path} must be a whole number below 2**63')
        for pattern, rule in _COMPILED:
            if pattern.fullmatch(path):
                if not rule.holds(value):
                    raise UserError(f'{path} must be {rule.text}, got {value!r}')
                break
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
        for pattern, rule in _COMPILED:
            if pattern.fullmatch(key) and rule in _CONTAINERS and not rule.holds(value):
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


def _is_writable(text: str) -> bool:
    """Whether a text can be a path and stand in a config: no null byte, no half of a character."""
    return '\0' not in text and not any('\ud800' <= char <= '\udfff' for char in text)


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
