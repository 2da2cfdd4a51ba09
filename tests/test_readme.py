"""What the README shows works as it stands there."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from icpc import load_config
from icpc.cli.main import module_of, parse

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / 'README.md').read_text()
OVERRIDES = [
    shlex.split(line.split('--cfg-options')[1].split(' #')[0])
    for line in README.replace('\\\n', ' ').splitlines()
    if line.startswith('python tools/train.py CONFIG --cfg-options')
]


def test_the_readme_shows_overrides():
    assert len(OVERRIDES) >= 15


@pytest.mark.parametrize('overrides', OVERRIDES, ids=' '.join)
def test_overrides_are_taken(overrides: list[str]):
    config = load_config(ROOT / 'configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py', overrides)
    assert config.to_dict() != load_config(config.filename).to_dict()


def test_the_prompter_in_ten_lines_trains(tmp_path: Path, monkeypatch, tiny_resnet_cfg: dict):
    (code,) = re.findall(r'^### Add a prompter\n.*?```python\n(.*?)```', README, re.M | re.S)
    (tmp_path / 'my_prompter.py').write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    config = load_config(
        ROOT / 'configs/icpc/icpc_tiny_fpn_1k_scenes-128.py',
        {
            'custom_imports.imports': ['icpc', 'my_prompter'],
            'model.prompter.type': 'PooledPrompter',
            'model.clip.model': tiny_resnet_cfg,
            'model.clip.pretrained': None,
        },
    )
    model = MODELS.build(config.model)
    labels = torch.arange(64 * 64).reshape(1, 64, 64) % 18
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
    losses = model.loss(torch.randn(2, 3, 64, 64), samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert model.prompter.context.weight.grad.abs().sum() > 0


def test_options_may_come_in_several_groups():
    for command in ('train', 'verify-data'):
        given = ['x.py', '--cfg-options', 'a=1', 'b=2', '--cfg-options', 'c=3']
        arguments = parse(module_of(command), given, command)
        assert arguments.cfg_options == ['a=1', 'b=2', 'c=3']
