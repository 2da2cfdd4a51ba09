"""Trackers besides `metrics.jsonl`, by one switch: TensorBoard, Weights & Biases, MLflow.

Each run keeps its identity at the tracker in `tracker.json`, so that testing and a resumed training
add to the same run.
"""

import importlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ..errors import UserError, did_you_mean
from ..files import write_text_atomically

_IDENTITY = 'tracker.json'
_PROJECT = 'icpc'  # unless WANDB_PROJECT or MLFLOW_EXPERIMENT_NAME says otherwise


class Tracker(Protocol):
    """Where numbers go."""

    def log(self, step: int, numbers: dict[str, float]) -> None:
        """Add numbers, named `split/key`, at an optimiser step."""

    def close(self) -> None:
        """Send what is not yet sent."""


class _TensorBoard:
    def __init__(self, work_dir: Path, config: dict[str, Any], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # What a killed run logged after the checkpoint it resumes from is taken out.
        self._writer = SummaryWriter(
            work_dir / 'tensorboard', purge_step=step + 1 if step else None
        )
        if not step:
            text = json.dumps(config, indent=1)
            self._writer.add_text('config', f'```\n{text}\n```')

    def log(self, step: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _WeightsAndBiases:
    def __init__(self, work_dir: Path, config: dict[str, Any], step: int) -> None:
        import wandb

        identity = _identity(work_dir, lambda: uuid.uuid4().hex)
        self._run = wandb.init(
            project=os.environ.get('WANDB_PROJECT', _PROJECT),
            dir=str(work_dir),
            id=identity,
            name=work_dir.name,
            config=config,
            resume='allow',
            reinit='create_new',
        )

    def log(self, step: int, numbers: dict[str, float]) -> None:
        self._run.log(numbers, step=step)

    def close(self) -> None:
        self._run.finish()


class _MLflow:
    def __init__(self, work_dir: Path, config: dict[str, Any], step: int) -> None:
        from mlflow import MlflowClient

        server = os.environ.get('MLFLOW_TRACKING_URI')
        self._client = MlflowClient(server or f'sqlite:///{work_dir.resolve()}/mlflow.db')
        # A server knows where files go; without one they stay beside the run.
        files = None if server else (work_dir / 'mlflow').resolve().as_uri()
        self._run = _identity(work_dir, lambda: self._create(work_dir.name, files, config))
        self._client.update_run(self._run, status='RUNNING')

    def _create(self, run_name: str, files: str | None, config: dict[str, Any]) -> str:
        name = os.environ.get('MLFLOW_EXPERIMENT_NAME', _PROJECT)
        former = self._client.get_experiment_by_name(name)
        number = former.experiment_id if former else self._client.create_experiment(name, files)
        run = self._client.create_run(number, run_name=run_name)
        self._client.log_dict(run.info.run_id, config, 'resolved_config.json')
        return run.info.run_id

    def log(self, step: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        self._client.set_terminated(self._run)


_KINDS: dict[str, tuple[str, Callable[[Path, dict[str, Any], int], Tracker]]] = {
    'tensorboard': ('tensorboard', _TensorBoard),
    'wandb': ('wandb', _WeightsAndBiases),
    'mlflow': ('mlflow', _MLflow),
}


def _identity(work_dir: Path, create: Callable[[], str]) -> str:
    path = work_dir / _IDENTITY
    if not path.is_file():
        write_text_atomically(json.dumps(create()), path)
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, str):
        raise UserError(f'{path}: is damaged; move it away, and the run begins anew at the tracker')
    return found


def check_tracker(kind: str | None) -> None:
    """Raise unless a tracker is known and installed.

    Args:
        kind: `tensorboard`, `wandb`, `mlflow`, or None for none.
    """
    if kind is None:
        return
    if kind not in _KINDS:
        raise UserError(
            f'tracker={kind!r}: choose one of {", ".join(_KINDS)}{did_you_mean(kind, _KINDS)}'
        )
    try:
        importlib.import_module(_KINDS[kind][0])
    except ImportError as error:
        raise UserError(
            f"tracker={kind!r} needs another package: pip install 'icpc[{kind}]'"
        ) from error


def open_tracker(kind: str, work_dir: Path, config: dict[str, Any], step: int) -> Tracker:
    """Begin, or go on with, the run at a tracker.

    Args:
        kind: `tensorboard`, `wandb` or `mlflow`.
        work_dir: The work directory of the run.
        config: Resolved, as plain values.
        step: Optimiser steps done.
    """
    return _KINDS[kind][1](work_dir, config, step)
