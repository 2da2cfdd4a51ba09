"""The Slurm script's logic, with `srun` and `scontrol` that only note what they are told."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'tools' / 'slurm_train.sh'
# Slurm signals all processes of a task.
_SRUN = """#!/bin/bash
set -m
while [[ $1 == --* ]]; do echo "$1" >> {log}/srun_options; shift; done
"$@" &
trap 'kill -USR1 -- -$!' USR1
while kill -0 $! 2>/dev/null; do wait $!; done
wait $!
"""
_SCONTROL = """#!/bin/bash
echo "$@" >> {log}/asked
[ "$1" = show ] && printf 'node07\\nnode08\\n'
true
"""
# Stands for torchrun, whose child is a rank.
_PYTHON = """#!/bin/bash
printf '%s\\n' "$@" > {log}/arguments
[ -e {log}/code ] && exit "$(cat {log}/code)"
{python} -c '
import pathlib, signal, sys, time
log = pathlib.Path("{log}")
signal.signal(signal.SIGUSR1, lambda *_: (log.joinpath("told").touch(), sys.exit(75)))
log.joinpath("ready").touch()
time.sleep(30)
' &
wait $!
exit 1
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    for name, text in (('srun', _SRUN), ('scontrol', _SCONTROL), ('fake_python', _PYTHON)):
        path = tmp_path / name
        path.write_text(text.format(log=tmp_path, python=sys.executable))
        path.chmod(0o755)
    slurm = dict(
        SLURM_JOB_ID='40042',
        SLURM_JOB_NODELIST='node[07-08]',
        SLURM_JOB_NUM_NODES='2',
        SLURM_GPUS_ON_NODE='4',
        SLURM_SUBMIT_DIR=str(tmp_path),
    )
    path = os.pathsep.join([str(tmp_path), os.environ['PATH']])
    return dict(os.environ, PATH=path, PYTHON='fake_python', **slurm)


ARGUMENTS = ['configs/a b.py', '--cfg-options', 'lr=1e-3']


@pytest.mark.parametrize('code', [0, 3])
def test_every_node_starts_torchrun_at_the_first_one(environment, tmp_path, code):
    (tmp_path / 'code').write_text(str(code))
    done = subprocess.run(['bash', str(SCRIPT), *ARGUMENTS], env=environment, timeout=30)
    assert done.returncode == code
    assert (tmp_path / 'arguments').read_text().splitlines() == [
        *('-m', 'torch.distributed.run', '--nnodes=2', '--nproc-per-node=4', '--rdzv-id=40042'),
        *('--rdzv-backend=c10d', '--rdzv-endpoint=node07:20042', 'tools/train.py'),
        *(*ARGUMENTS, '--launcher', 'pytorch', '--resume'),
    ]
    assert {'--nodes=2', '--ntasks-per-node=1'} < {*(tmp_path / 'srun_options').read_text().split()}
    assert 'requeue' not in (tmp_path / 'asked').read_text()


def test_the_warning_reaches_the_ranks_and_the_job_is_requeued(environment, tmp_path):
    job = subprocess.Popen(['bash', str(SCRIPT), *ARGUMENTS], env=environment)
    end = time.monotonic() + 20
    while not (tmp_path / 'ready').exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=20) == 1
    assert (tmp_path / 'told').exists()
    assert (tmp_path / 'asked').read_text().splitlines()[-1] == 'requeue 40042'


@pytest.mark.parametrize(('arguments', 'message'), [([], 'usage: sbatch'), (['a'], 'with sbatch')])
def test_it_says_how_to_start_it(environment, arguments, message):
    del environment['SLURM_JOB_ID']
    done = subprocess.run(
        ['bash', str(SCRIPT), *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert message in done.stderr
