"""`run.json`: what a run was made of, and what it gave."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.runner import Runner

from ..errors import UserError
from ..evaluation.streaming_iou import StreamingIoU
from ..files import Replacing, write_text_atomically
from .metrics_file import last_metrics, recorded
from .segments import ended, peak_memory

# `state` of a run; requeue: it was told to stop.
RUNNING, REQUEUE, FINISHED = 'running', 'requeue', 'finished'
RECORD, RESOLVED, CONFUSION = 'run.json', 'resolved_config.json', 'confusion.npz'
_DAMAGED = 'is cut or damaged'
_REMEDY = 'put back a whole copy, or move the file away: checkpoints are resumed without it too'


def read_record(work_dir: str | Path) -> dict[str, Any] | None:
    """The record of a run, None where there is none.

    Raises:
        UserError: When it is cut or damaged.
    """
    path = Path(work_dir) / RECORD
    return read_json(path) if path.is_file() else None


def read_json(path: Path) -> dict[str, Any]:
    """An object that a run wrote beside its checkpoints.

    Raises:
        UserError: When the file is cut or damaged.
    """
    try:
        value = json.loads(path.read_text())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f'{path}: {_DAMAGED} ({error}); {_REMEDY}') from error
    if not isinstance(value, dict):
        raise UserError(f'{path}: {_DAMAGED} (no JSON object); {_REMEDY}')
    return value


def run_identity(work_dir: str | Path) -> str | None:
    """What the checkpoints of a run have in common, None where nothing is recorded."""
    return (read_record(work_dir) or {}).get('run')


@master_only
def requeue_record(runner: Runner) -> None:
    """Note that the run was told to stop, has saved itself, and waits to be resumed.

    Args:
        runner: After `Requeue`.
    """
    folder = Path(runner.work_dir)
    record = read_record(folder)
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
    record = read_record(folder)
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
