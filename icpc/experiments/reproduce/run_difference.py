"""Where two runs part, and what their records say about why."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from ...checkpoints.content import latest_checkpoint, load_checkpoint
from ...errors import UserError
from ...run_dir.metrics_file import NAME as METRICS
from ...run_dir.metrics_file import read_lines

# Of the record: how a run was made.
_PARTS = ('fingerprints', 'git', 'versions', 'machine', 'batch', 'seed')
_SAID_ALREADY = ('git.changed',)  # by the fingerprint of the code, where it matters
# Of a segment, the stretch from one start of a run to the next.
_SEGMENT_PARTS = ('code', 'commit', 'versions', 'ranks', 'batch', 'accumulation', 'max_iters')


def weights_equal(run: Path, again: Path) -> bool | None:
    """Whether the last checkpoints hold the same bits; None when one is gone."""
    files = [latest_checkpoint(path) for path in (run, again)]
    if not all(file is not None and file.is_file() for file in files):
        return None
    first, second = (load_checkpoint(file)['state_dict'] for file in files)
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
        UserError: When it is not there or cut.
    """
    if not path.is_file():
        raise UserError(f'{path}: not there; nothing can be compared without it')
    return read_lines(path)


def causes(original: dict[str, Any], again: dict[str, Any]) -> list[str]:
    """What the two records say about how the runs were made, where they differ.

    What changed when one of them was resumed is said too.

    Args:
        original: Record of the run.
        again: Of its repetition.
    """
    found = []
    for part in _PARTS:
        first, second = _flat(original.get(part), part), _flat(again.get(part), part)
        for key in sorted(first.keys() | second.keys()):
            if key not in _SAID_ALREADY and first.get(key) != second.get(key):
                found.append(f'{key}: {first.get(key)} -> {second.get(key)}')
    return [*found, *_resumed('run', original), *_resumed('repetition', again)]


def _resumed(name: str, record: dict[str, Any]) -> list[str]:
    """What changed between the segments of one run."""
    segments = record.get('segments') or []
    parts = [{key: s[key] for key in _SEGMENT_PARTS if key in s} for s in segments]
    found = []
    for number, pair in enumerate(pairwise(parts), 2):
        first, second = (
            {k: v for part, value in one.items() for k, v in _flat(value, part).items()}
            for one in pair
        )
        found += [
            f'{name}, resumed for segment {number} of {len(parts)}: {key}: '
            f'{first[key]} -> {second[key]}'
            for key in first
            if key in second and first[key] != second[key]
        ]
    return found


def _flat(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return {
            k: v for key, item in value.items() for k, v in _flat(item, f'{path}.{key}').items()
        }
    return {path: value}
