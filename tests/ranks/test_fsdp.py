"""FSDP2 on two gloo processes gives what DDP gives, and checkpoints that one process reads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sharded_training import OPTIONS
from toy_run import write_clip_config

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.errors import UserError
from icpc.ranks.fsdp import shard

ROOT = Path(__file__).resolve().parents[2]


def losses(folder: Path) -> list[float]:
    lines = map(json.loads, (folder / 'metrics.jsonl').read_text().splitlines())
    return [line['loss'] for line in lines if line['split'] == 'train']


def assert_close(first: dict, second: dict, **tolerance: float) -> None:
    for part in ('state_dict', 'ema_state_dict'):
        assert first[part].keys() == second[part].keys()
        for key, value in first[part].items():
            torch.testing.assert_close(second[part][key], value, **tolerance, msg=key)


@pytest.mark.slow
def test_it_trains_saves_and_resumes_as_ddp(toy_config, tiny_vit_cfg, tmp_path):
    config = write_clip_config(tmp_path, toy_config, tiny_vit_cfg)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node', '2', str(ROOT / 'tests/helpers/sharded_training.py')]
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests/helpers')])
    environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths)
    done = subprocess.run(
        [*command, str(config), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    ddp, sharded = losses(tmp_path / 'ddp'), losses(tmp_path / 'fsdp2')
    assert len(sharded) == 4
    assert sharded == pytest.approx(ddp, abs=1e-5)
    names = ('ddp', 'fsdp2', 'ddp_resumed', 'fsdp2_resumed')
    saved = {name: load_checkpoint(tmp_path / name / 'iter_4.pth') for name in names}
    assert_close(saved['ddp'], saved['fsdp2'], atol=1e-4, rtol=1e-3)
    assert_close(saved['ddp'], saved['ddp_resumed'], atol=1e-4, rtol=1e-3)
    assert_close(saved['fsdp2'], saved['fsdp2_resumed'], atol=0.0, rtol=0.0)
    last = json.loads((tmp_path / 'fsdp2/metrics.jsonl').read_text().splitlines()[-1])
    path = str(tmp_path / 'fsdp2/iter_4.pth')
    again = evaluate(str(config), path, OPTIONS, str(tmp_path / 'test'))
    assert {'step': 4, 'split': 'test', **again} == last


def test_a_trained_scalar_is_refused():
    model = torch.nn.Linear(2, 2)
    model.scale = torch.nn.Parameter(torch.tensor(1.0))
    with pytest.raises(UserError, match='cannot split the scalar scale'):
        shard(model)
