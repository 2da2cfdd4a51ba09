"""What each start of a run used: machines, versions, time and peak memory."""

import time
from pathlib import Path
from typing import Any

import torch

from ..memory import host

_MIB = 2**20

Segment = dict[str, Any]


def new_segment(record: dict[str, Any], max_iters: int | None) -> Segment:
    """The segment that begins now.

    Args:
        record: The record of the start: command, batch, git, versions, code.
        max_iters: Optimiser steps that it aims at.
    """
    git = record['git'] or {}
    return {
        'started': time.time(),
        'seconds': None,
        'max_iters': max_iters,
        **(record['batch'] or {}),
        'commit': git.get('commit'),
        'dirty': git.get('dirty'),
        'code': record['fingerprints']['code'],
        'versions': record['versions'],
        'command': record['command'],
    }


def closed(segments: list[Segment], checkpoint: Path) -> list[Segment]:
    """The segments of a run that is resumed; a killed one lasted until its last checkpoint.

    Args:
        segments: The segments of the former record.
        checkpoint: The checkpoint from which the run resumes.
    """
    saved = checkpoint.stat().st_mtime
    return [
        {**segment, 'seconds': max(0.0, saved - segment['started'])}
        if segment['seconds'] is None
        else segment
        for segment in segments
    ]


def ended(segments: list[Segment]) -> list[Segment]:
    """The last segment ends now; with its time and its peak of memory."""
    *former, last = segments
    seconds = time.time() - last['started']
    return [*former, {**last, 'seconds': seconds, 'memory_mib': _memory()}]


def peak_memory(segments: list[Segment]) -> dict[str, float]:
    """The largest over all segments; killed ones left no number."""
    peaks: dict[str, float] = {}
    for segment in segments:
        for place, mib in segment.get('memory_mib', {}).items():
            peaks[place] = max(mib, peaks.get(place, 0.0))
    return peaks


def _memory() -> dict[str, float]:
    """Peaks of this process: resident memory, and memory allocated on its GPU."""
    memory = {'process': host.peak_memory() / _MIB}
    if torch.cuda.is_available():
        memory['gpu'] = torch.cuda.max_memory_allocated() / _MIB
    return memory
