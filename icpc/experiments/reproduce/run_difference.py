"""Where two runs part, and what their records say about why."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from ...checkpoints.content import latest_checkpoint, load_checkpoint
from ...console.messages import say
from ...errors import UserError
from ...run_dir.config_difference import changes
from ...run_dir.metrics_file import NAME as METRICS
from ...run_dir.metrics_file import read_lines
from ...run_dir.record import RunRecord

# The parts of a record, and of one start in it, that say how a run was made.
_PARTS = ('fingerprints', 'git', 'versions', 'machine', 'batch', 'seed')
_SAID_ALREADY = 'git.changed'  # by the fingerprint of the code, where it matters
_START_PARTS = ('code', 'commit', 'versions', 'ranks', 'batch', 'accumulation', 'max_iters')


def weights_equal(run: Path, again: Path) -> bool | None:
    """Whether the last checkpoints hold the same bits; None when one is gone."""
    files = [latest_checkpoint(path) for path in (run, again)]
    if not all(file is not None and file.is_file() for file in files):
        return None
    try:
        first, second = (load_checkpoint(file)['state_dict'] for file in files)
    except UserError as error:
        say(f'note: {error}; the weights are not compared')
        return None
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def first_difference(run: Path, again: Path) -> str | None:
    """The first line of the two `metrics.jsonl` that is not the same, in words."""
    logs = [_lines(path / METRICS) for path in (run, again)]
    for first, second in zip(*logs, strict=False):
        for key in first:
            if first[key] != second.get(key):
                place = f'step {first["step"]}, {first["split"]} {key}'
                return f'{place}: {first[key]} and then {second.get(key)}'
    return None if len(logs[0]) == len(logs[1]) else 'one log is longer than the other'


def _lines(path: Path) -> list[dict[str, Any]]:
    """What a log holds.

    Raises:
        UserError: When it is not there.
    """
    if not path.is_file():
        raise UserError(f'{path}: not there; nothing can be compared without it')
    return read_lines(path)


def causes(original: RunRecord, again: RunRecord) -> list[str]:
    """What the two records say about how the runs were made, where they differ.

    What changed when one of them was resumed is said too.

    Args:
        original: The record of the run.
        again: The record of its repetition.
    """
    parts = [{key: getattr(record, key) for key in _PARTS} for record in (original, again)]
    found = [f'{key}: {old} -> {new}' for key, old, new in changes(*parts) if key != _SAID_ALREADY]
    return [*found, *_resumed('run', original), *_resumed('repetition', again)]


def _resumed(name: str, record: RunRecord) -> list[str]:
    """What changed from one start of a run to the next."""
    return [
        f'{name}, resumed for segment {number} of {len(record.segments)}: {key}: {old} -> {new}'
        for number, pair in enumerate(pairwise(record.segments), 2)
        for part in _START_PARTS
        if all(part in start for start in pair)
        for key, old, new in changes(*(start[part] for start in pair), part)
    ]
