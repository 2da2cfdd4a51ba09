"""A study as one Slurm array: a task for each run."""

import shlex
import sys
from pathlib import Path

from ...errors import ToldToStop
from .request import Request
from .snapshot import Snapshot

_SCRIPT = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{jobs}
#SBATCH --output={logs}/%A_%a.txt
#SBATCH --open-mode=append
#SBATCH --cpus-per-task={cores}
{gpu}#SBATCH --requeue
# Before the time limit the run, not this script, is told to stop: it saves itself.
#SBATCH --signal=TERM@{warning}
cd {folder} || exit 1
srun {command} --only "$SLURM_ARRAY_TASK_ID"
code=$?
# --requeue holds for preemption and lost nodes; at the time limit the task asks for it itself.
# scancel ends this script too, so what it stops stays stopped.
if [ "$code" -eq {stopped} ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""
_WARNING = 180  # seconds that a run has to save itself before Slurm kills it


def array_script(
    name: str, count: int, request: Request, gpu: bool, logs: Path, command: list[str]
) -> str:
    """The script for sbatch.

    Args:
        name: The name of the job.
        count: The number of runs; task n makes the n-th of the matrix.
        request: Tasks at a time (`jobs`, None for as many as Slurm gives) and cores (`threads`).
        gpu: Whether each task takes one.
        logs: The folder of the tasks' outputs.
        command: What a task runs, as `task_command` gives it.
    """
    return _SCRIPT.format(
        name=name,
        last=count - 1,
        jobs='' if request.jobs is None else f'%{request.jobs}',
        logs=logs,
        cores=request.threads,
        gpu='#SBATCH --gpus-per-task=1\n' if gpu else '',
        warning=_WARNING,
        stopped=ToldToStop.exit_code,
        folder=shlex.quote(str(Path.cwd())),
        command=shlex.join(command),
    )


def task_command(request: Request, study: Path, out: Path, snapshot: Snapshot) -> list[str]:
    """What a task runs, less `--only N`.

    Args:
        request: What the command line asks for.
        study: The copy of the study.
        out: The folder of the study.
        snapshot: The copy of the code.
    """
    flags = ['--out', out.resolve(), '--threads', request.threads]
    flags += ['--any-code'] if request.any_code else []
    flags += [] if request.baseline is None else ['--baseline', request.baseline]
    flags += ['--drop-checkpoints'] if request.drop_checkpoints else []
    tool = ['env', f'PYTHONPATH={snapshot.folder}', sys.executable, snapshot.tool('ablate.py')]
    return [str(word) for word in (*tool, study, *flags)]
