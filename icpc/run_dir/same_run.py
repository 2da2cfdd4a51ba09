"""What makes two runs the same: one table that resuming, studies, reports and repetitions read."""

import hashlib
import json
import re
from enum import Enum
from pathlib import Path
from typing import Any

from ..config.unread_keys import KNOWN_KEYS
from ..errors import UserError
from ..files import read_json
from .config_difference import Change, changes
from .fingerprints import PACKAGE, plain_tree, short
from .record import RESOLVED, RunRecord


class Part(Enum):
    """What a setting decides."""

    RECIPE = 'what is trained'
    SEED = 'with which random numbers'
    LENGTH = 'how long'
    PLACE = 'where files are'
    SHARE = 'how the work is shared: ranks, passes, loader processes, memory'
    WATCHES = 'what is shown and kept of it'


# The first pattern that matches a key, or what stands above it, counts. The rest is the recipe.
TABLE = (
    (r'seed|randomness\.seed', Part.SEED),
    (r'max_iters|train_cfg\.max_iters|warmup_iters', Part.LENGTH),
    (r'param_scheduler\.(\d+\.)?(begin|end|T_max)', Part.LENGTH),
    (r'work_dir|load_from|resume', Part.PLACE),  # what load_from held is in the fingerprints
    (r'gpu_batch|eval_batch|(val|test)_dataloader\.batch_size', Part.SHARE),
    (r'parallel|find_unused_parameters', Part.SHARE),
    (r'num_workers|rank_timeout', Part.SHARE),
    (r'\w+_dataloader\.(num_workers|persistent_workers|prefetch_factor|pin_memory)', Part.SHARE),
    (r'\w+_dataloader\.timeout', Part.SHARE),
    (r'(default_hooks\.switches\.)?activation_checkpointing', Part.SHARE),
    (r'model\.test_cfg\.memory_budget', Part.SHARE),
    (r'tracker|log_interval|log_level|log_processor|visualizer', Part.WATCHES),
    (r'val_interval|train_cfg\.(val_interval|val_begin)', Part.WATCHES),
    (r'default_hooks\.(logger|progress|panel|memory|metrics|checkpoint)', Part.WATCHES),
    (r'custom_hooks\.(Logger|Progress|Panel|MemoryEstimate|MetricsFile)Hook', Part.WATCHES),
    (r'custom_hooks\.(Profiler|SegVisualization|SavePredictions)Hook', Part.WATCHES),
)
_PATTERNS = [(re.compile(rf'({pattern})(\..+)?'), part) for pattern, part in TABLE]

# What a config raises that a hand has edited: its parts are of other types.
ODD_CONFIG = (AttributeError, TypeError, KeyError, ValueError, IndexError, RecursionError)
# These never make another run; the seeds of one recipe differ in SEED besides.
FREE = frozenset({Part.PLACE, Part.SHARE, Part.WATCHES})
FREE_AND_SEED = FREE | {Part.SEED}

# Starts on several ranks wrote these into the config.
_OF_RANKS = ('launcher', 'model_wrapper_cfg')
_SHARDING_HOOK = 'WholeInEvaluationHook'
_FROM_GLOBAL_BATCH = (
    ('train_dataloader', 'batch_size'),
    ('train_cfg', 'accumulation'),
    ('optim_wrapper', 'accumulative_counts'),
)


def part_of(key: str) -> Part:
    """What a setting decides.

    Args:
        key: Its dotted key, as `settings` has it.
    """
    return next((part for pattern, part in _PATTERNS if pattern.fullmatch(key)), Part.RECIPE)


def settings(config: dict[str, Any], prints: dict[str, Any] | None = None) -> dict[str, Any]:
    """A resolved config as it is compared with another one's, with the files it reads.

    Left out is what follows from the rest: the batch of a pass where there is a global batch, and
    paths of files that have a fingerprint. SyncBN is BN, to which a CPU resolves it; custom hooks
    go by their type.

    Args:
        config: The resolved config, of this or an older version of the code.
        prints: The fingerprints of the run: `{'data': {split: ...}, 'weights': ...}`.

    Returns:
        A tree of plain containers, with the fingerprints under keys of their own.
    """
    tree = json.loads(json.dumps(plain_tree(config)).replace('"SyncBN"', '"BN"'))
    data, weights = ((prints or {}).get(key) for key in ('data', 'weights'))
    tree = {key: value for key, value in tree.items() if key not in _OF_RANKS}
    tree['custom_hooks'] = _hooks_by_type(tree) or None
    if tree.get('global_batch') is not None:
        for part, key in _FROM_GLOBAL_BATCH:
            (tree.get(part) or {}).pop(key, None)
    places = set()
    if data is not None and None not in data.values():
        tree.pop('data_root', None)
        places |= _places_of_data(tree)
    if (weights or '').partition('+')[0]:
        places |= _places_of_weights(tree.get('model') or {})
    tree = {k: v for k, v in tree.items() if not (isinstance(v, str) and v in places)}
    tree |= {f'fingerprint of the {split} data': found for split, found in (data or {}).items()}
    return {**tree, 'fingerprint of the weights at the beginning': weights}


def _places_of_data(tree: dict[str, Any]) -> set[str]:
    """Take out the paths of data that has a fingerprint; those that variables may hold, too."""
    places = set()
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        dataset = (tree.get(loader) or {}).get('dataset') or {}
        dataset.pop('data_root', None)
        prefix = dataset.get('data_prefix') or {}
        held = [(dataset, 'tags'), (dataset, 'ann_file'), *((prefix, key) for key in [*prefix])]
        places |= {part.pop(key) for part, key in held if _is_absolute(part.get(key))}
    return places


def _places_of_weights(model: dict[str, Any]) -> set[str]:
    """Take out the paths of CLIPs' files and of the table of names, which have a fingerprint."""
    clip = model.get('clip') or {}
    for key in [key for key in ('model', 'pretrained') if _is_path(clip.get(key))]:
        del clip[key]
    return {model.pop('choices')} if _is_absolute(model.get('choices')) else set()


def _is_absolute(value: Any) -> bool:
    return isinstance(value, str) and Path(value).is_absolute()


def _hooks_by_type(tree: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for hook in tree.get('custom_hooks') or ():
        hook = hook if isinstance(hook, dict) else {'type': hook}
        name = str(hook.get('type')).rpartition('.')[2]
        if name == 'EarlyStoppingHook':  # validations decide how long this one trains
            hook['val_interval'] = (tree.get('train_cfg') or {}).get('val_interval')
        if name != _SHARDING_HOOK:
            count = sum(key.split('.')[0] == name for key in found)
            found[f'{name}.{count + 1}' if count else name] = {**hook, 'type': name}
    return found


def _is_path(value: Any) -> bool:
    """Whether a part of CLIP's config names files; else it names an architecture or its weights."""
    if not isinstance(value, str):
        return False
    return '/' in value or Path(value).exists() or (PACKAGE / 'assets' / value).exists()


def differences(
    first: dict[str, Any], second: dict[str, Any], free: frozenset[Part] = FREE
) -> list[Change]:
    """What makes two runs different: (key, first's value, second's value).

    A variable that only one of them has does not count: what reads it, if anything does, is
    compared itself.

    Args:
        first: From `settings`.
        second: From `settings`.
        free: The parts that may differ.
    """
    return [
        change
        for change in changes(first, second)
        if part_of(change[0]) not in free and not _is_lost_variable(change[0], first, second)
    ]


def _is_lost_variable(key: str, first: dict[str, Any], second: dict[str, Any]) -> bool:
    name = key.split('.')[0]
    is_variable = name.isidentifier() and name not in KNOWN_KEYS
    return is_variable and (name not in first or name not in second)


def run_fingerprint(config: dict[str, Any], prints: dict[str, Any] | None = None) -> str:
    """A hash that two runs have in common when they are the same, seed and length included.

    Args:
        config: The resolved config.
        prints: The fingerprints of data and weights.
    """
    counted = sorted((key, value) for key, _, value in differences({}, settings(config, prints)))
    return short(hashlib.sha256(json.dumps(counted, sort_keys=True).encode()))


def recorded_settings(work_dir: Path) -> dict[str, Any]:
    """The settings that a run recorded in its work directory.

    Raises:
        UserError: When its files are cut or damaged.
    """
    tree, record = read_json(work_dir / RESOLVED), RunRecord.of(work_dir)
    try:
        return settings(tree, record.fingerprints)
    except ODD_CONFIG as error:
        raise UserError(
            f'{work_dir / RESOLVED}: is damaged or was edited ({error}); put back a whole copy'
        ) from error


def recorded_fingerprint(work_dir: Path) -> str | None:
    """The `run_fingerprint` of a recorded run; None where no config can be read."""
    if not (work_dir / RESOLVED).is_file():
        return None
    try:
        tree, record = read_json(work_dir / RESOLVED), RunRecord.of(work_dir)
        return run_fingerprint(tree, record.fingerprints)
    except (UserError, *ODD_CONFIG):
        return None
