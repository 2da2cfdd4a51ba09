"""Processes over gloo on CPUs, started as a user would start them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from toy_parts import SEPARATE

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.errors import UserError
from icpc.ranks import distributed

ROOT = Path(__file__).resolve().parents[2]
# Without augmentation, ranks must not matter.
OPTIONS = {
    'max_iters': 4,
    'val_interval': 4,
    'lr': 1e-3,
    'param_scheduler': None,
    'optim_wrapper.optimizer.eps': 1e-3,  # gradients near 0 are not blown up
    'clip_grad.max_norm': 0.1,
    'ema': 0.5,
    'train_pipeline': '${test_pipeline}',
    **SEPARATE,
}


def test_four_ranks_train_and_evaluate_as_one(labelled_config, tmp_path):
    one, four = tmp_path / 'one', tmp_path / 'four'
    with torch.random.fork_rng():
        train(str(labelled_config), dict(OPTIONS), str(one))
    command = [
        sys.executable,
        '-m',
        'torch.distributed.run',
        '--standalone',
        '--nproc_per_node',
        '4',
    ]
    command += [str(ROOT / 'tools/train.py'), str(labelled_config), '--launcher', 'pytorch']
    command += ['--work-dir', str(four), '--cfg-options']
    command += [f'{key}={value}' for key, value in OPTIONS.items()]
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests/helpers')])
    environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert 'global batch 4 = 4 rank(s) x 1 images x 1 accumulation' in done.stdout
    saved = [load_checkpoint(folder / 'iter_4.pth') for folder in (one, four)]
    for part in ('state_dict', 'ema_state_dict'):
        for key, value in saved[0][part].items():
            torch.testing.assert_close(saved[1][part][key], value, atol=1e-6, rtol=1e-4)
    key = 'decode_head.conv_seg.weight'
    moved = saved[0]['ema_state_dict'][key] - saved[0]['state_dict'][key]
    assert moved.abs().max() > 1e-5  # the average lags behind: the weights do move
    last = json.loads((four / 'metrics.jsonl').read_text().splitlines()[-1])
    again = evaluate(
        str(labelled_config), str(four / 'iter_4.pth'), OPTIONS, str(tmp_path / 'test')
    )
    assert {'step': 4, 'split': 'test', **again} == last
    assert done.stdout.splitlines()[-1] == f'mIoU: {again["mIoU"]:.2f}'
    assert done.stdout.count('mIoU: ') == 1


def test_the_launcher_wants_torchrun(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(UserError, match='torchrun --nproc_per_node'):
        distributed.start('pytorch')


def test_a_rank_that_leaves_first_fails_no_other(monkeypatch):
    """Under load, gloo closes its connections before the last rank has passed the barrier."""
    left = []

    def barrier():
        raise RuntimeError('Connection closed by peer')

    stand_in = SimpleNamespace(
        is_initialized=lambda: True,
        barrier=barrier,
        destroy_process_group=lambda: left.append(True),
    )
    monkeypatch.setattr(distributed, 'distributed', stand_in)
    distributed.stop()
    assert left == [True]


def test_torchrun_without_the_launcher_is_refused(monkeypatch):
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'x')
    monkeypatch.setenv('WORLD_SIZE', '2')
    with pytest.raises(UserError, match='--launcher pytorch'):
        distributed.start('none')
