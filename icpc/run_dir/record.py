"""`run.json`: what a run was made of, and what it gave."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.runner import Runner

from ..console.messages import say_once
from ..errors import UserError
from ..evaluation.streaming_iou import StreamingIoU
from ..files import Replacing, read_json, write_text_atomically
from .metrics_file import last_metrics, recorded
from .record_types import check_types
from .segments import ended, peak_memory

# `state` of a run; requeue: it was told to stop.
RUNNING, REQUEUE, FINISHED = 'running', 'requeue', 'finished'
RECORD, RESOLVED, CONFUSION = 'run.json', 'resolved_config.json', 'confusion.npz'
RESOLVED_PY = 'resolved_config.py'  # for MMSegmentation's own functions: JSON has no tuples
_WRITTEN: dict[Path, dict[str, Any]] = {}  # by this process


@dataclass(frozen=True)
class RunRecord:
    """`run.json`, as whoever compares runs reads it; what an old file lacks is empty.

    Attributes:
        state: `running`, `requeue` (it was told to stop), `finished`, or `to do` without a file.
        run: The identity that the checkpoints of the run have in common.
        reproduce: The command that makes the run again.
        seed: The seed of the config.
        steps: Optimiser steps done.
        seconds: From the beginning to the end of the evaluation, over all starts.
        fingerprints: Of `config`, `code`, `weights` and `data` (one for each split).
        git: `commit`, whether it was `dirty`, and the files that `changed`.
        versions: Of libraries.
        machine: `host`, `processor`, `threads`, `gpus` and more.
        batch: `global_batch`, `ranks`, `batch` of a pass, `accumulation`.
        metrics: Split -> result -> number; None for one that is not finite.
        segments: What each start of the run used.
    """

    state: str = 'to do'
    run: str | None = None
    reproduce: str = ''
    seed: int | None = None
    steps: int | None = None
    seconds: float | None = None
    fingerprints: dict[str, Any] = field(default_factory=dict)
    git: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    batch: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, dict[str, float | None]] = field(default_factory=dict)
    segments: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, work_dir: str | Path) -> RunRecord:
        """Read the record in a work directory, where there may be none.

        Raises:
            UserError: When it is cut or damaged.
        """
        return cls._from(read_record(work_dir) or {})

    @classmethod
    def if_whole(cls, work_dir: str | Path) -> RunRecord:
        """Read the record; one that is cut or damaged is named, and counts as none."""
        return cls._from(whole_record(work_dir) or {})

    @classmethod
    def _from(cls, tree: dict[str, Any]) -> RunRecord:
        names = {part.name for part in fields(cls)}
        return cls(**{key: tree[key] for key in names & tree.keys() if tree[key] is not None})

    @property
    def finished(self) -> bool:
        """Whether the run was trained to its end and evaluated."""
        return self.state == FINISHED

    @property
    def results(self) -> dict[tuple[str, str], float]:
        """(split, name) -> each number that the run gave."""
        return {
            (split, key): value
            for split, found in self.metrics.items()
            for key, value in found.items()
            if key != 'step' and value is not None
        }


def read_record(work_dir: str | Path) -> dict[str, Any] | None:
    """All that `run.json` holds, None where there is none.

    Raises:
        UserError: When it is cut or damaged.
    """
    path = Path(work_dir) / RECORD
    if not path.is_file():
        return None
    record = read_json(path)
    check_types(record, path)
    return record


def resumable_record(work_dir: str | Path) -> dict[str, Any] | None:
    """The record of a run to go on with; one that lacks a part is named, and counts as none."""
    record = whole_record(work_dir)
    if record is None:
        return None
    prints, starts = record.get('fingerprints') or {}, record.get('segments') or []
    has_starts = all({'started', 'seconds'} <= start.keys() for start in starts)
    if 'state' in record and {'code', 'weights'} <= prints.keys() and has_starts:
        return record
    say_once(f'note: {Path(work_dir) / RECORD}: is not whole (state, fingerprints, segments)')
    return None


def whole_record(work_dir: str | Path) -> dict[str, Any] | None:
    """All that `run.json` holds; None where there is none, or a damaged one, which is said."""
    try:
        return read_record(work_dir)
    except UserError as error:
        say_once(f'note: {error}')
        return None


def run_identity(work_dir: str | Path) -> str | None:
    """What the checkpoints of a run have in common, None where nothing is recorded."""
    return own_record(work_dir).get('run')


def own_record(work_dir: str | Path) -> dict[str, Any]:
    """The record of a run that this process makes; empty where none is begun.

    What was damaged or lost meanwhile is as this process wrote it.
    """
    found = whole_record(work_dir)
    return found or _WRITTEN.get(Path(work_dir).resolve(), {})


@master_only
def requeue_record(runner: Runner) -> None:
    """Note that the run was told to stop, has saved itself, and waits to be resumed.

    Args:
        runner: After `Requeue`.
    """
    folder = Path(runner.work_dir)
    record = own_record(folder)
    changes = {'state': REQUEUE, 'steps': runner.iter, 'segments': ended(record['segments'])}
    write_record(folder, record | changes)


@master_only
def finish_record(runner: Runner, tested: dict[str, Any] | None = None) -> None:
    """Add what the run gave; from then on it counts as finished.

    Args:
        runner: After training and, if there is a test split, testing.
        tested: The test's metrics; None where nothing was tested.
    """
    folder = Path(runner.work_dir)
    record = own_record(folder)
    segments = ended(record['segments'])
    _write_confusion(runner, folder)
    test = {'test': {'step': runner.iter, **recorded(tested)}} if tested else {}
    record |= {
        'state': FINISHED,
        'steps': runner.iter,
        'seconds': sum(segment['seconds'] for segment in segments),
        'parameters': _parameters(runner.bare_model),
        'memory_mib': peak_memory(segments),
        'metrics': last_metrics(folder) | test,
        'segments': segments,
    }
    write_record(folder, record)


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Put a record into a work dir."""
    write_text_atomically(json.dumps(record, indent=1), folder / RECORD)
    _WRITTEN[folder.resolve()] = record


def _write_confusion(runner: Runner, folder: Path) -> None:
    """Confusion counts (K, K), one array for each kind of prediction.

    Of the test split; of the validation split where nothing was tested.
    """
    for split in ('test', 'val'):
        evaluator = getattr(getattr(runner, f'_{split}_loop'), 'evaluator', None)
        for metric in getattr(evaluator, 'metrics', ()):
            if isinstance(metric, StreamingIoU) and metric.confusion:
                counts = {key: value.numpy() for key, value in metric.confusion.items()}
                data, names = io.BytesIO(), np.array(metric.class_names)
                np.savez_compressed(data, class_names=names, split=split, **counts)
                with Replacing(folder / CONFUSION, data.tell()) as file:
                    file.write(data.getvalue())
                return


def _parameters(model: torch.nn.Module) -> dict[str, int]:
    every = list(model.parameters())
    trained = sum(p.numel() for p in every if p.requires_grad)
    return {'all': sum(p.numel() for p in every), 'trained': trained}
