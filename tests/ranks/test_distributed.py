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
from icpc.commands.tool import run_tool
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


@pytest.mark.slow
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


NAMES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
WHOLE = dict(zip(NAMES, ('1', '2', '1', '127.0.0.1', '29500'), strict=True))
SLURM = dict(SLURM_PROCID='0', SLURM_NTASKS='2', SLURM_LOCALID='0', SLURM_NODELIST='n1')


@pytest.mark.parametrize(
    ('launcher', 'there', 'message'),
    [
        ('pytorch', {}, 'start with `torchrun --nproc_per_node .*leave --launcher out'),
        ('slurm', {}, 'start with `srun --ntasks=N'),
        (
            'pytorch',
            {'WORLD_SIZE': '2'},
            'RANK, LOCAL_RANK, .* not set, and WORLD_SIZE=2',
        ),
        ('pytorch', {**WHOLE, 'WORLD_SIZE': ''}, 'WORLD_SIZE is not set, and RANK=1'),
        ('pytorch', {**WHOLE, 'MASTER_ADDR': ''}, 'MASTER_ADDR is not set'),
        ('pytorch', {**WHOLE, 'LOCAL_RANK': ''}, 'LOCAL_RANK is not set'),
        ('pytorch', {**WHOLE, 'WORLD_SIZE': 'two'}, "WORLD_SIZE='two' is no whole number"),
        ('pytorch', {**WHOLE, 'RANK': '-1'}, "RANK='-1' is no whole number"),
        ('pytorch', {**WHOLE, 'RANK': '2'}, 'RANK=2 and WORLD_SIZE=2, and ranks are 0 to'),
        ('slurm', {**SLURM, 'SLURM_NTASKS': ''}, 'SLURM_NTASKS is not set'),
        ('slurm', {**SLURM, 'SLURM_PROCID': '2'}, 'SLURM_PROCID=2 and SLURM_NTASKS=2'),
    ],
)
def test_a_half_set_environment_is_explained(monkeypatch, launcher, there, message):
    for name in (*NAMES, *SLURM):
        monkeypatch.delenv(name, raising=False)
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f'{message}'):
        distributed.start(launcher)


@pytest.mark.parametrize('value', ['2', 'two'])
def test_variables_left_in_a_shell_change_nothing(monkeypatch, toy_config, tmp_path, value):
    """Without a launcher neither the batch, nor the record, nor the way out."""
    for name in (*NAMES, 'LOCAL_WORLD_SIZE', *SLURM):
        monkeypatch.setenv(name, value)
    options = {'max_iters': 1, 'val_interval': 1, 'default_hooks.panel': None}
    with torch.random.fork_rng():
        assert run_tool(lambda: train(str(toy_config), options, str(tmp_path / 'run'))) == 0
    record = json.loads((tmp_path / 'run/run.json').read_text())
    assert record['batch'] == dict(global_batch=4, ranks=1, batch=4, accumulation=1)
    assert 'torchrun' not in record['reproduce']


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
