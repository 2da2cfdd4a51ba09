"""Shared memory and open files are looked at before a loader's processes start."""

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stalling_parts  # noqa: F401  (registers Stall)
import torch
from torch.utils.data import DataLoader

from icpc.commands.train import train
from icpc.errors import UserError
from icpc.training.loading import shared_memory as room
from icpc.training.loading.patient_loader import PatientLoader

ROOT = Path(__file__).resolve().parents[3]
MIB = 2**20


class Pictures(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {'inputs': torch.zeros(MIB, dtype=torch.uint8), 'name': str(index)}


def loader(workers=2, batch=2):
    built = DataLoader(Pictures(), batch, num_workers=workers, collate_fn=list)
    PatientLoader.take(built)
    built.name = 'val_dataloader'
    return built


def test_shared_memory_that_is_too_small_is_refused_before_processes_start(monkeypatch):
    monkeypatch.setattr(room, '_free', lambda: 7 * MIB)
    with pytest.raises(UserError) as refusal:
        iter(loader())
    assert str(refusal.value).startswith(
        'val_dataloader: /dev/shm has 7 MiB free, and 2 processes that prepare 8 pictures take 8 '
        'MiB there: start the container with a larger --shm-size (1g)'
    )
    assert len(list(iter(loader(workers=0)))) == 4
    monkeypatch.setattr(room, '_free', lambda: 9 * MIB)
    assert len(list(iter(loader()))) == 4


def test_shared_memory_that_fills_up_is_told_by_the_process(monkeypatch):
    monkeypatch.setattr(room, '_PATIENCE', 0.1)
    monkeypatch.setattr(room, '_free', lambda: 1)
    with pytest.raises(UserError, match='/dev/shm is full: start the container with a larger'):
        room.Sharing(list)([{'inputs': torch.zeros(8)}])


def test_tensors_are_shared_and_the_same():
    batch = room.Sharing(list)([{'inputs': torch.arange(8), 'more': (torch.ones(2), 'text')}])
    assert batch[0]['inputs'].is_shared()
    assert batch[0]['inputs'].tolist() == list(range(8))
    assert batch[0]['more'][0].is_shared()


def test_the_limit_of_open_files_is_raised_or_got_round(monkeypatch, caplog):
    caplog.set_level('INFO', 'icpc')
    limits, strategies = [(100, 10_000)], []
    monkeypatch.setattr(room.resource, 'getrlimit', lambda _: limits[-1])
    monkeypatch.setattr(room.resource, 'setrlimit', lambda _, new: limits.append(new))
    monkeypatch.setattr(room.multiprocessing, 'set_sharing_strategy', strategies.append)
    room._check_files(5000)
    assert (limits[-1], strategies, caplog.text) == ((5000, 10_000), [], '')
    room._check_files(20_000)
    assert (limits[-1], strategies) == ((10_000, 10_000), ['file_system'])
    assert '20000 open files may be needed and 10000 are allowed' in caplog.text
    limits.append((resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    room._check_files(10**9)
    assert limits[-1] == (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def in_a_container(size, command, tmp_path):
    """Run a command with a /dev/shm of its own."""
    script = f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$@"'
    environment = dict(
        os.environ, OMP_NUM_THREADS='1', PYTHONPATH=f'{ROOT}:{ROOT / "tests/helpers"}'
    )
    return subprocess.run(
        ['unshare', '-rm', 'sh', '-c', script, 'sh', *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ('size', 'message'),
    [
        ('100k', r'error: train_dataloader: /dev/shm has 0 MiB free, and 2 processes .*--shm-size'),
        ('600k', r'error: /dev/shm is full: start the container with a larger --shm-size'),
    ],
)
def test_a_real_run_with_too_little_shared_memory(toy_config, tmp_path, size, message):
    if shutil.which('unshare') is None or in_a_container('1m', ['true'], tmp_path).returncode:
        pytest.skip('no name spaces here')
    command = [sys.executable, str(ROOT / 'tools/train.py'), str(toy_config), '--cfg-options']
    command += ['max_iters=4', 'num_workers=2', 'default_hooks.panel=None']
    command += ['custom_imports.imports=[icpc, toy_parts, stalling_parts]']
    if size == '600k':  # the first picture is as small as all others
        command += ["train_pipeline.PackSegInputs.after=dict(type=Stall, at='005.png', how=fill)"]
    done = in_a_container(size, command, tmp_path)
    assert done.returncode == 2, done.stderr
    assert re.match(message, done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_few_open_files_train_all_the_same(toy_config, tmp_path):
    """By names in the file system; the numbers are the same."""
    options = {'max_iters': 2, 'val_interval': 2, 'default_hooks.panel': None}
    with torch.random.fork_rng():
        train(str(toy_config), options, str(tmp_path / 'one'))
    code = (
        'import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); '
        'import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")'
    )
    command = [sys.executable, '-c', code, str(ROOT / 'tools/train.py'), str(toy_config)]
    command += ['--work-dir', str(tmp_path / 'few'), '--cfg-options', 'num_workers=2']
    command += [f'{key}={value}' for key, value in options.items()]
    paths = f'{ROOT}:{ROOT / "tools"}:{ROOT / "tests/helpers"}'
    done = subprocess.run(
        command,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert 'share their tensors by names in the file system' in done.stdout
    lines = [(tmp_path / name / 'metrics.jsonl').read_text() for name in ('one', 'few')]
    assert lines[0] == lines[1]
