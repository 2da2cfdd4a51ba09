"""A study as one Slurm array: a task for each run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

_SCRIPT = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{jobs}
#SBATCH --output={logs}/%A_%a.txt
#SBATCH --cpus-per-task={cores}
{gpu}#SBATCH --requeue
# A run that is told to stop saves itself; the requeued task resumes it.
#SBATCH --signal=TERM@{warning}
cd {folder}
exec srun {command} --only "$SLURM_ARRAY_TASK_ID"
"""
_WARNING = 180  # seconds that a run has to save itself before Slurm kills it


def array_script(
    name: str,
    count: int,
    jobs: int | None,
    gpu: bool,
    cores: int,
    logs: Path,
    command: Sequence[str],
) -> str:
    """The script for sbatch.

    Args:
        name: Of the job.
        count: Runs; task n makes the n-th of the matrix.
        jobs: Tasks at a time; None for as many as Slurm gives.
        gpu: Whether each takes one.
        cores: Of each task.
        logs: Folder of the tasks' outputs.
        command: `python tools/ablate.py STUDY --out DIR`.
    """
    return _SCRIPT.format(
        name=name,
        last=count - 1,
        jobs='' if jobs is None else f'%{jobs}',
        logs=logs,
        cores=cores,
        gpu='#SBATCH --gpus-per-task=1\n' if gpu else '',
        warning=_WARNING,
        folder=shlex.quote(str(Path.cwd())),
        command=shlex.join(command),
    )
