"""The prompt-matched backbone goes with every prompter, and without text."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from icpc.config.load import load_config

PMSS = Path(__file__).parents[2] / 'configs' / 'pmss' / 'pmss_tiny_fpn_1k_scenes-128.py'
SCORE_MAP = 'model.losses.score_map={"type":"ScoreMapLoss"}'
DESIGNS = {
    'no text': [],
    'held-out classes': ["held_out_classes=['sea','cow']"],
    'no interim loss': ['model.losses.interim=None'],
    'CoOp': ['model.prompter.type=StaticPrompter', 'model.neck.levels=[3]', SCORE_MAP],
    'ICPC': ['model.prompter.type=InstancePrompter', 'model.neck.levels=[2,3]', SCORE_MAP],
}


@pytest.mark.parametrize('design', DESIGNS)
def test_one_step(tiny_clip_folder, design):
    options = [f'model.clip.model={tiny_clip_folder}', 'model.clip.pretrained=None']
    config = load_config(PMSS, [*options, *DESIGNS[design]])
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    labels = torch.randint(0, 18, (1, 128, 128))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels))] * 2
    losses = model.loss(torch.randn(2, 3, 128, 128), samples)
    text = design in ('CoOp', 'ICPC')
    expected = {'loss_score_map'} if text else set()
    expected |= set() if design == 'no interim loss' else {'loss_interim'}
    assert {name for name in losses if name.startswith('loss_')} == expected
    if 'loss_interim' in losses:  # the maps say nothing yet: the logarithm of the trained classes
        classes = 16 if design == 'held-out classes' else 18
        assert losses['loss_interim'].item() == pytest.approx(0.4 * math.log(classes), rel=1e-5)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    idle = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
    frozen = [n for n, p in model.backbone.tower.named_parameters() if p.requires_grad]
    assert frozen == []
