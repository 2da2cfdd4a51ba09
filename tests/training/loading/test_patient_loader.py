"""Nobody waits for ever for a loader's process: a message, then the end, and all have left."""

import multiprocessing
import os
import re
import signal
import threading
import time

import pytest
import stalling_parts  # noqa: F401  (registers Stall)
import torch

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.commands.tool import run_tool
from icpc.commands.train import train
from icpc.config.load import load_config
from icpc.errors import Requeue, UserError
from icpc.run_dir.record import read_record
from icpc.training.loading import patient_loader
from icpc.training.loading.patient_loader import lost_worker

QUICK = {
    'max_iters': 4,
    'val_interval': 2,
    'eval_batch': 1,
    'num_workers': 2,
    'default_hooks.panel': None,
}
LIMIT = 1.5  # seconds; a loaded machine takes some to start a process


@pytest.fixture(autouse=True)
def _everyone_has_left(monkeypatch):
    monkeypatch.setattr(patient_loader, '_LOOK', 0.1)
    before = set(multiprocessing.active_children())  # of other tests
    with torch.random.fork_rng():
        yield
    assert set(multiprocessing.active_children()) <= before


def stalls(how, split, at, limit=LIMIT, once=None):
    part = dict(type='Stall', at=at, how=how, once=once)
    pipeline = 'train_pipeline' if split == 'train' else 'test_pipeline'
    return {
        **QUICK,
        f'{pipeline}.PackSegInputs.before': part,
        f'{split}_dataloader.timeout': limit,
    }


@pytest.mark.parametrize(
    ('how', 'split', 'at', 'does', 'reads'),
    [
        ('sleep', 'train', 'training/005.png', '', 'training/005.png'),
        # Batches that it has read before may not have been handed over.
        ('stop', 'val', 'validation/002.png', ', which is stopped', 'png'),
    ],
)
def test_a_process_that_stalls_is_named_with_its_pictures(
    toy_config, tmp_path, how, split, at, does, reads
):
    start = time.monotonic()
    with pytest.raises(UserError) as stop:
        train(str(toy_config), stalls(how, split, at), str(tmp_path / 'run'))
    assert LIMIT <= time.monotonic() - start < LIMIT + 10
    expected = rf'{split}_dataloader: waited [\d.]+ seconds for worker [01] \(process \d+{does}\) '
    expected += rf'to read .*{reads}'
    assert re.match(expected, str(stop.value)), stop.value
    assert f'{split}_dataloader.timeout=SECONDS waits longer' in str(stop.value)
    assert '--resume goes on' in str(stop.value)


@pytest.mark.parametrize(
    ('how', 'message'),
    [
        ('kill', 'was killed, as the system does when memory is used up'),
        ('leave', 'ended by itself; num_workers=0 shows where'),
    ],
)
def test_a_process_that_dies_is_one_message(toy_config, tmp_path, capfd, how, message):
    options = stalls(how, 'train', '005.png', limit=60)
    assert run_tool(lambda: train(str(toy_config), options, str(tmp_path / 'run'))) == 2
    said = [line for line in capfd.readouterr().err.splitlines() if line]
    assert len(said) == 1, said
    assert re.match(rf"error: a loader's process \(\d+\) {message}", said[0])


def test_a_test_that_stalls_ends_too(toy_config, tmp_path):
    train(str(toy_config), {**QUICK, 'max_iters': 1, 'val_interval': 1}, str(tmp_path / 'run'))
    options = stalls('sleep', 'test', 'test/003.png')
    with pytest.raises(UserError, match=r'test_dataloader: waited [\d.]+ seconds .*/test/003.png'):
        evaluate(str(toy_config), str(tmp_path / 'run/iter_1.pth'), options, str(tmp_path / 'test'))


@pytest.mark.parametrize(('split', 'at'), [('train', '005.png'), ('val', 'validation/002.png')])
def test_a_signal_is_seen_while_waiting_and_the_resumed_run_is_the_same(
    toy_config, tmp_path, split, at
):
    train(str(toy_config), QUICK, str(tmp_path / 'whole'))
    folder, once = tmp_path / 'run', tmp_path / 'once'
    options = stalls('sleep', split, at, 60, str(once))

    def stop():
        while not once.exists():
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    start = time.monotonic()
    with pytest.raises(Requeue):
        train(str(toy_config), options, str(folder))
    assert time.monotonic() - start < 30
    assert read_record(folder)['state'] == 'requeue'
    train(str(toy_config), options, str(folder), resume=True)
    whole, resumed = (load_checkpoint(tmp_path / n / 'iter_4.pth') for n in ('whole', 'run'))
    for key, value in whole['state_dict'].items():
        assert torch.equal(value, resumed['state_dict'][key]), key
    assert (folder / 'metrics.jsonl').read_text() == (tmp_path / 'whole/metrics.jsonl').read_text()


@pytest.mark.parametrize('value', [0, -1, 'soon'])
def test_a_limit_that_is_none_is_refused(toy_config, value):
    for key in ('train_dataloader.timeout', 'rank_timeout'):
        with pytest.raises(UserError, match=f'{key}.*a number above 0'):
            load_config(toy_config, {key: value})


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (
            'DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that',
            '/dev/shm is full. Start the container with a larger --shm-size',
        ),
        ('DataLoader worker (pid 7) is killed by signal: Segmentation fault. ', 'Segmentation'),
        ('DataLoader worker (pid(s) 7, 8) exited unexpectedly', r'\(7, 8\) ended by itself'),
        ('received 0 items of ancdata', 'ulimit -n 65536'),
    ],
)
def test_what_torch_says_of_processes_is_explained(text, message):
    assert re.search(message, lost_worker(RuntimeError(text)))


def test_other_errors_are_no_lost_process():
    assert lost_worker(RuntimeError('shape')) is None
    assert lost_worker(ValueError('DataLoader worker (pid 7) is killed by signal: Killed.')) is None
