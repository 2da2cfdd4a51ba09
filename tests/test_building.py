"""A model is built from Python with two calls, in an interpreter that has done nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

import icpc
from icpc.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / 'configs/icpc/icpc_tiny_fpn_1k_scenes-128.py'
_PROGRAM = """
import sys, icpc, torch
model = icpc.build_model(icpc.load_config(sys.argv[1]))
print(type(model).__name__, len(model.class_names), model.training)
sample = model.eval()(torch.zeros(1, 3, 32, 32), mode='predict')[0]
print(tuple(sample.pred_sem_seg.data.shape))
"""


def test_a_fresh_interpreter_builds_and_predicts():
    done = subprocess.run(
        [sys.executable, '-c', _PROGRAM, str(DEMO)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ['CLIPSegmentor 18 True', '(1, 32, 32)']


def test_new_parts_are_initialised_as_a_training_does():
    head = dict(type='FCNHead', in_channels=64, channels=64, num_convs=1, num_classes=3)
    backbone = dict(type='ToyBackbone', width=64)
    model = icpc.build_model(
        Config(dict(model=dict(type='EncoderDecoder', backbone=backbone, decode_head=head)))
    )
    weight = model.decode_head.conv_seg.weight
    assert 0.005 < weight.std() < 0.02  # MMSegmentation's 0.01, not PyTorch's uniform of 0.07
    assert torch.equal(model.decode_head.conv_seg.bias, torch.zeros(3))


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(), 'has no model'),
        (dict(model=dict(type='CLIPSegmentor', clip=dict())), 'class_names'),
    ],
)
def test_what_cannot_be_built_is_one_message(config, message):
    with pytest.raises(UserError, match=message):
        icpc.build_model(Config(config))
