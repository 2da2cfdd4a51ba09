"""Parameters and multiply-adds: values worked by hand, and DenseCLIP's published table."""

from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from icpc.commands.complexity import TEXT, complexity_table, measure
from icpc.commands.flop_rules import flop_counter
from icpc.config.load import load_config

CONFIGS = Path(__file__).parents[2] / 'configs'
# DenseCLIP's README: parameters in M and multiply-adds in G of a 1024 x 1024 picture.
PUBLISHED = {
    'baseline/baseline_rn50_fpn_80k_ade20k-512.py': (31.0, 248.8),
    'baseline/baseline_rn101_fpn_80k_ade20k-512.py': (50.0, 326.6),
    'baseline/baseline_vit-b16_fpn_80k_ade20k-640.py': (100.8, 1037.4),
    'denseclip/denseclip_rn50_fpn_80k_ade20k-512.py': (50.3, 269.2),
    'denseclip/denseclip_rn101_fpn_80k_ade20k-512.py': (67.8, 346.3),
    'denseclip/denseclip_vit-b16_fpn_80k_ade20k-640.py': (105.3, 1043.1),
}


def _count(module, *shapes: tuple[int, ...], transposed: str = 'input') -> int:
    inputs = [torch.zeros(shape, device='meta') for shape in shapes]
    with torch.no_grad(), flop_counter(transposed) as counter:
        module(*inputs)
    return counter.get_total_flops() // 2


def test_operators_worked_by_hand():
    with torch.device('meta'):
        assert _count(nn.Conv2d(3, 8, 3, padding=1), (1, 3, 4, 5)) == 4 * 5 * 3 * 8 * 9
        assert _count(nn.Linear(6, 7), (2, 5, 6)) == 2 * 5 * 6 * 7
        assert _count(nn.BatchNorm2d(3).eval(), (2, 3, 4, 5)) == 2 * 120
        assert _count(nn.LayerNorm(6), (2, 5, 6)) == 5 * 60
        assert _count(nn.GroupNorm(1, 6), (2, 6, 5)) == 5 * 60
        assert _count(nn.GELU(), (2, 6)) == 0
    heads = (2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4)
    assert _count(F.scaled_dot_product_attention, *heads) == 2 * 3 * 5 * 7 * (4 + 4)
    upsample = nn.Upsample(scale_factor=2, mode='bilinear')
    assert _count(upsample, (1, 3, 4, 5)) == 4 * 3 * 8 * 10


def test_a_transposed_convolution_in_both_conventions():
    with torch.device('meta'):
        layer = nn.ConvTranspose2d(6, 7, kernel_size=2, stride=2)
    right = 4 * 5 * 6 * 7 * 2 * 2
    assert _count(layer, (1, 6, 4, 5)) == right
    assert _count(layer, (1, 6, 4, 5), transposed='output') == 4 * right
    with pytest.raises(ValueError, match='transposed must be one of'):
        flop_counter('both')


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_rows(name):
    config = load_config(CONFIGS / name, ['model.clip.pretrained=None'])
    init_default_scope('mmseg')
    complexity = measure(MODELS.build(config.model), (1024, 1024), transposed='output')
    parameters, multiply_adds = PUBLISHED[name]
    ours = complexity.total(complexity.parameters) / 1e6
    assert ours == pytest.approx(parameters, rel=5e-3)
    ours = complexity.total(complexity.multiply_adds) / 1e9
    assert ours == pytest.approx(multiply_adds, rel=5e-3)


@pytest.mark.parametrize('prompter', [{}, dict(class_specific=True)])
def test_the_text_encoder_is_a_part_of_its_own(tiny_resnet_cfg, prompter):
    model = MODELS.build(
        dict(
            type='CLIPSegmentor',
            class_names=['wall', 'sky'],
            clip=dict(model=tiny_resnet_cfg),
            backbone={},
            prompter=dict(type='PrePostPrompter', pre=dict(type='StaticPrompter', **prompter)),
            neck=dict(type='ScoreConcat', out_channels=8),
            decode_head=dict(
                type='FPNHead',
                channels=8,
                loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
            ),
        )
    )
    text = sum(p.numel() for p in model.prompter.pre.text_encoder.parameters())
    everything = sum(p.numel() for p in model.parameters())
    complexity = measure(model, (64, 64))
    assert complexity.parameters[TEXT] == text
    assert complexity.trainable[TEXT] == 0
    assert complexity.total(complexity.parameters) == everything - text
    assert complexity.multiply_adds[TEXT] > 0
    assert complexity.total(complexity.multiply_adds) < sum(complexity.multiply_adds.values())
    last = [line.split(':')[0] for line in complexity_table(complexity, 'input').splitlines()[-5:]]
    assert last[:2] == ['text_params_M', 'text_multiply_adds_G']
    assert last[3:] == ['params_M', 'multiply_adds_G']
