"""`run.json`: what a run was made of, what it gave, and the command that makes it again."""

from __future__ import annotations

import json
import resource
import shlex
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.runner import Runner

from ..evaluation.streaming_iou import StreamingIoU
from .batch import plan_batch, world_size
from .checkpoint import latest_checkpoint, write_text_atomically
from .fingerprints import (
    PACKAGE,
    code_fingerprint,
    config_fingerprint,
    data_fingerprint,
    plain_tree,
    weights_fingerprint,
)
from .metrics_file import NAME as METRICS
from .provenance import git_state, machine, versions

REQUEUE = 'requeue'  # `state` of a run that was told to stop; others: running, finished
RECORD, RESOLVED, CONFUSION = 'run.json', 'resolved_config.json', 'confusion.npz'
_MIB = 2**20


def read_record(work_dir: str | Path) -> dict[str, Any] | None:
    """The record of a run, None where there is none."""
    path = Path(work_dir) / RECORD
    return json.loads(path.read_text()) if path.is_file() else None


def run_identity(work_dir: str | Path) -> str | None:
    """What the checkpoints of a run have in common, None where nothing is recorded."""
    return (read_record(work_dir) or {}).get('run')


@master_only
def start_record(cfg: Config, overrides: dict[str, Any]) -> None:
    """Write what is known before the first step.

    Args:
        cfg: The finished config, as it will run.
        overrides: `{dotted path: value}`.
    """
    folder = Path(cfg.work_dir)
    tree = cfg.to_dict()
    loaders = {name: tree.get(f'{name}_dataloader') for name in ('train', 'val', 'test')}
    former = run_identity(folder) if cfg.resume else None
    record = {
        'state': 'running',
        'run': former or uuid.uuid4().hex,
        'command': shlex.join([Path(sys.executable).name, *sys.argv]),
        'reproduce': f'python tools/reproduce.py {shlex.quote(str(folder))}',
        'config': str(cfg.filename),
        'overrides': plain_tree(overrides),
        'seed': tree.get('seed'),
        'fingerprints': {
            'config': config_fingerprint(tree),
            'code': code_fingerprint(),
            'weights': weights_fingerprint(tree.get('model') or {}),
            'data': {
                name: data_fingerprint(loader['dataset'])
                for name, loader in loaders.items()
                if loader
            },
        },
        'git': git_state(PACKAGE),
        'versions': versions(),
        'machine': machine(),
        'batch': _batch(tree),
        'segments': [*_former_segments(cfg), {'started': time.time(), 'seconds': None}],
    }
    write_text_atomically(json.dumps(plain_tree(tree), indent=1), folder / RESOLVED)
    _write(folder, record)


def _batch(tree: dict[str, Any]) -> dict[str, int] | None:
    if tree.get('global_batch') is None:
        return None
    return vars(plan_batch(tree['global_batch'], tree.get('gpu_batch'), world_size()))


def _former_segments(cfg: Config) -> list[dict[str, Any]]:
    """The segments of a run that is resumed; a killed one lasted until its last checkpoint."""
    former, checkpoint = read_record(cfg.work_dir), latest_checkpoint(cfg.work_dir)
    if not cfg.resume or former is None or checkpoint is None:
        return []
    for segment in former['segments']:
        if segment['seconds'] is None:
            segment['seconds'] = max(0.0, checkpoint.stat().st_mtime - segment['started'])
    return former['segments']


@master_only
def requeue_record(runner: Runner) -> None:
    """Note that the run was told to stop, has saved itself, and waits to be resumed.

    Args:
        runner: After `Requeue`.
    """
    folder = Path(runner.work_dir)
    record = read_record(folder)
    segment = record['segments'][-1]
    segment['seconds'] = time.time() - segment['started']
    _write(folder, record | {'state': REQUEUE, 'steps': runner.iter})


@master_only
def finish_record(runner: Runner) -> None:
    """Add what the run gave; from then on it counts as finished.

    Args:
        runner: After training and, if there is a test split, testing.
    """
    folder = Path(runner.work_dir)
    record = read_record(folder)
    segment = record['segments'][-1]
    segment['seconds'] = time.time() - segment['started']
    _write_confusion(runner, folder)
    record |= {
        'state': 'finished',
        'steps': runner.iter,
        'seconds': sum(segment['seconds'] for segment in record['segments']),
        'parameters': _parameters(runner.bare_model),
        'memory_mib': _memory(),
        'metrics': last_metrics(folder),
    }
    _write(folder, record)


def _write(folder: Path, record: dict[str, Any]) -> None:
    write_text_atomically(json.dumps(record, indent=1), folder / RECORD)


def _write_confusion(runner: Runner, folder: Path) -> None:
    """Confusion counts (K, K), one array for each kind of prediction.

    Of the test split; of the validation split where nothing was tested.
    """
    for split in ('test', 'val'):
        evaluator = getattr(getattr(runner, f'_{split}_loop'), 'evaluator', None)
        for metric in getattr(evaluator, 'metrics', ()):
            if isinstance(metric, StreamingIoU):
                counts = {key: value.numpy() for key, value in metric.confusion.items()}
                names = np.array(metric.class_names)
                np.savez_compressed(folder / CONFUSION, class_names=names, split=split, **counts)
                return


def _parameters(model: torch.nn.Module) -> dict[str, int]:
    every = list(model.parameters())
    trained = sum(p.numel() for p in every if p.requires_grad)
    return {'all': sum(p.numel() for p in every), 'trained': trained}


def _memory() -> dict[str, float]:
    """Peaks of this process: resident memory, and memory allocated on its GPU."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 1 if sys.platform == 'darwin' else 1024  # bytes there, KiB on Linux
    memory = {'process': peak * scale / _MIB}
    if torch.cuda.is_available():
        memory['gpu'] = torch.cuda.max_memory_allocated() / _MIB
    return memory


def last_metrics(work_dir: str | Path) -> dict[str, dict[str, float]]:
    """The last line of each evaluated split in `metrics.jsonl`.

    Args:
        work_dir: Of the run.

    Returns:
        `{'val': {'step': 800, 'mIoU': 40.1, ...}, 'test': {...}}`.
    """
    path = Path(work_dir) / METRICS
    last: dict[str, dict[str, float]] = {}
    for text in path.read_text().splitlines() if path.is_file() else ():
        line = json.loads(text)
        if line['split'] != 'train':
            last[line.pop('split')] = line
    return last
