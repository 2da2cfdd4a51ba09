"""What may differ when a run is resumed, and what may not: one run has one recipe."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..config.unread_keys import KNOWN_KEYS
from ..console.messages import say
from ..errors import UserError
from .fingerprints import plain_tree

# Where things are, how they are watched, and how much is taken at once: not what is trained.
_FREE = re.compile(
    r'work_dir|load_from|resume|launcher|tracker|parallel|model_wrapper_cfg(\..+)?'
    r'|gpu_batch|eval_batch|num_workers|log_interval|val_interval|activation_checkpointing'
    r'|\w+_dataloader\.(num_workers|persistent_workers|prefetch_factor|pin_memory)'
    r'|(val|test)_dataloader\.batch_size|model\.test_cfg\.memory_budget'
    r'|train_cfg\.(val_interval|val_begin)'
    r'|default_hooks\.(logger|progress|panel|memory|metrics|checkpoint)(\..+)?'
    r'|default_hooks\.switches\.activation_checkpointing'
)
# They follow from global_batch and the number of ranks.
_SPLIT = re.compile(
    r'train_dataloader\.batch_size|train_cfg\.accumulation|optim_wrapper\.accumulative_counts'
)
# A resumed run takes its schedules from the checkpoint, so a new length does not change them.
_LENGTH = re.compile(
    r'max_iters|train_cfg\.max_iters|warmup_iters|param_scheduler\.(\d+\.)?(begin|end|T_max)'
)
_DATA = re.compile(r'data_root|\w+_dataloader\.dataset\.data_root')
_CLIP = re.compile(r'model\.clip\.(model|pretrained)')
_SHARDING_HOOK = 'WholeInEvaluationHook'  # comes and goes with `parallel`
_MOST_KEYS, _MOST_CHARACTERS = 12, 60

_Change = tuple[str, Any, Any]  # key, former, new


def check_continues(
    work_dir: Path, former: dict[str, Any], before: dict[str, Any], record: dict[str, Any], now: Any
) -> None:
    """Refuse to go on with a run under another recipe; say what differs besides.

    Args:
        work_dir: Of the run.
        former: Its record.
        before: Its resolved config.
        record: Of the start to come.
        now: The resolved config of the start to come.

    Raises:
        UserError: With the keys that differ.
    """
    now = json.loads(json.dumps(plain_tree(now)))
    changes = [*_recipe_changes(before, now, _places(former, record)), *_data(former, record)]
    if changes:
        raise UserError(
            f'{work_dir}: --resume goes on with the run as it began, but these differ (former -> '
            f'new): {_listed(changes)}. Give the options of the former run ({work_dir}/config.py '
            'holds them), or begin another run: a new --work-dir, and '
            'load_from=CHECKPOINT for the weights of this one'
        )
    length, longer = (tree['train_cfg'].get('max_iters') for tree in (before, now))
    if length != longer:
        say(
            f'max_iters {length} -> {longer}: the schedules stay those of {length} steps, the '
            f'learning rate keeps its last value from step {length} on'
        )
    for key, old, new in _software(former, record):
        say(f'note: the run goes on with another {key}: {old} -> {new}')


def _recipe_changes(before: dict, now: dict, places: list[re.Pattern]) -> list[_Change]:
    allowed = [_FREE, *places]
    if now.get('global_batch') is not None:
        allowed.append(_SPLIT)
    length, longer = (tree['train_cfg'].get('max_iters') for tree in (before, now))
    if None not in (length, longer) and longer > length:
        allowed.append(_LENGTH)
    return [
        change
        for change in _differences(_comparable(before), _comparable(now))
        if not any(pattern.fullmatch(change[0]) for pattern in allowed)
        and not _is_lost_variable(change[0].split('.')[0], before, now)
    ]


def _is_lost_variable(name: str, before: dict, now: dict) -> bool:
    """A variable of one side alone: what reads it, if anything does, is compared itself."""
    return name not in KNOWN_KEYS and (name not in before or name not in now)


def _comparable(tree: dict[str, Any]) -> dict[str, Any]:
    # A CPU resolves SyncBN to BN.
    tree = json.loads(json.dumps(tree).replace('"SyncBN"', '"BN"'))
    hooks = [hook for hook in tree.get('custom_hooks') or [] if hook['type'] != _SHARDING_HOOK]
    return {**tree, 'custom_hooks': hooks}


def _places(former: dict[str, Any], record: dict[str, Any]) -> list[re.Pattern]:
    """Paths that may differ, since the same is found there."""
    old, new = former['fingerprints'], record['fingerprints']
    same_data = old['data'] == new['data'] and None not in new['data'].values()
    weights = _weights(former, record)
    same_clip = weights[0] == weights[1] is not None
    return [*([_DATA] if same_data else []), *([_CLIP] if same_clip else [])]


def _data(former: dict[str, Any], record: dict[str, Any]) -> Iterator[_Change]:
    old, new = former['fingerprints'], record['fingerprints']
    for split, known in old['data'].items():
        if split in new['data'] and new['data'][split] != known:
            yield f'fingerprint of the {split} data', known, new['data'][split]
    weights = _weights(former, record)
    if weights[0] != weights[1]:
        yield 'fingerprint of the weights at the beginning', *weights


def _weights(former: dict[str, Any], record: dict[str, Any]) -> tuple[str | None, str | None]:
    """Fingerprints of `CLIP+load_from`; a resumed run may leave load_from out, nothing reads it."""
    old, new = (entry['fingerprints']['weights'] for entry in (former, record))
    if old is not None and '+' not in (new or ''):
        old = old.partition('+')[0] or None
    return old, new


def _software(former: dict[str, Any], record: dict[str, Any]) -> Iterator[_Change]:
    codes = [entry['fingerprints']['code'] for entry in (former, record)]
    if codes[0] != codes[1]:
        yield 'version of the code', *codes
    yield from _differences(former.get('versions') or {}, record.get('versions') or {})


def _differences(old: Any, new: Any, path: str = '') -> Iterator[_Change]:
    """Every leaf that differs; a missing key counts as None."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(key, old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(index, *pair) for index, pair in enumerate(zip(old, new, strict=True))]
    else:
        if old != new:
            yield path, old, new
        return
    for key, one, other in pairs:
        yield from _differences(one, other, f'{path}.{key}'.lstrip('.'))


def _listed(changes: list[_Change]) -> str:
    """`key: former -> new`, without the entries that a variable among them was put into."""
    variables = [(old, new) for key, old, new in changes if '.' not in key]
    shown = [c for c in changes if '.' not in c[0] or (c[1], c[2]) not in variables]
    texts = [f'{key}: {_short(old)} -> {_short(new)}' for key, old, new in shown[:_MOST_KEYS]]
    more = len(shown) - len(texts)
    return '; '.join(texts) + (f'; and {more} more' if more else '')


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + '...'
