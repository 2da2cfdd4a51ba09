"""SIGKILL, a full disk and a damaged checkpoint: the end is the uninterrupted run's, bit by bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from running_tools import run_tool
from toy_run import write_config

from icpc.checkpoints.content import load_checkpoint

HERE = Path(__file__).resolve().parents[1] / 'helpers'
STEPS = 70
OPTIONS = {
    'max_iters': STEPS,
    'val_interval': 11,
    'log_interval': 3,
    'num_workers': 1,
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.panel': None,
    'model.decode_head.dropout_ratio': 0.3,
}


# Their runs are made once, by one of the processes that run the tests.
pytestmark = pytest.mark.xdist_group('killed')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp('killed')
    words = [str(write_config(root, low=0)), str(root), json.dumps(OPTIONS)]
    printed = run_tool(str(HERE / 'killed_training.py'), *words, log=root / 'log', limit=300)
    return root, json.loads(printed.splitlines()[-1])


def assert_same_bits(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same_bits(first[key], second[key])
    elif isinstance(first, (list, tuple)):
        for one, other in zip(first, second, strict=True):
            assert_same_bits(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def assert_same_run(root, name, steps=STEPS):
    whole, other = (load_checkpoint(root / run / f'iter_{steps}.pth') for run in ('whole', name))
    for part in ('state_dict', 'optimizer', 'param_schedulers', 'unwritten_metrics'):
        assert_same_bits(whole[part], other[part])
    logs = [c['message_hub']['log_scalars'] for c in (whole, other)]
    for key in ('train/loss', 'train/lr', 'val/mIoU'):
        assert_same_bits(logs[0][key], logs[1][key])
    lines = [(root / run / 'metrics.jsonl').read_bytes() for run in ('whole', name)]
    assert lines[0] == lines[1]


def test_twenty_kills_at_random_moments_change_nothing(trained):
    root, result = trained
    assert result['whole'] == 0
    *steps, end = result['killed']
    assert end == 0
    assert len(steps) >= 20
    assert len(set(steps)) > 8
    assert steps[-1] < STEPS
    assert_same_run(root, 'killed')


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_later(trained):
    root, result = trained
    full = result['full']
    assert full['full'] == 2
    assert full['untouched']
    assert full['left'] == []
    printed = (root / 'full.txt').read_text()
    (error,) = [line for line in printed.splitlines() if line.startswith('UserError')]
    assert f'{root / "full"}: cannot write iter_' in error
    assert 'MiB needed' in error
    assert 'MiB free' in error


def test_a_cut_checkpoint_falls_back_to_the_one_before_and_says_so(trained):
    root, result = trained
    full = result['full']
    lines = (root / 'full.txt').read_text().splitlines()
    (said,) = [line for line in lines if 'is damaged' in line]
    assert said.startswith(f'{root / "full" / full["cut"]}: is damaged')
    step = int(full['cut'][5:-4])
    assert lines[lines.index(said) + 1].endswith(f'iter_{step - 1}.pth')
    assert full['stale'] == []
    assert full['end'] == 0
    assert_same_run(root, 'full')


@pytest.mark.slow
def test_twenty_signals_of_each_kind_at_random_moments_change_nothing(tmp_path):
    """In steps, validations and the test, while it starts and while it saves."""
    steps, stops = 600, 20
    options = {**OPTIONS, 'max_iters': steps, 'default_hooks.checkpoint.interval': 50}
    command = [sys.executable, str(HERE / 'stopped_training.py'), str(write_config(tmp_path, 0))]
    paths = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    done = subprocess.run(
        [*command, str(tmp_path), json.dumps(options), str(stops)],
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result.pop('whole') == 0
    for name, saved, killed in (
        ('SIGINT', '130', '-2'),
        ('SIGTERM', '75', '-15'),
        ('SIGHUP', '75', '-1'),
    ):
        codes = result[name]
        assert codes.pop('last 0') == 1
        assert codes.keys() <= {saved, killed, '0'}, (name, codes)  # killed before it began
        assert codes[saved] > stops / 2, codes
        assert_same_run(tmp_path, name, steps)
