"""Frozen means frozen: through a whole training step of a whole model."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from icpc.training.optim import GroupedOptimConstructor

DESIGNS = ['StaticPrompter', 'CoCoOpPrompter', 'PostModelPrompter', 'PrePostPrompter']
FROZEN = [
    (0, 'prompter.'),
    (2, ('prompter.', 'backbone.visual.conv', 'backbone.visual.bn', 'backbone.visual.layer1')),
    (6, ('prompter.', 'backbone.visual.')),
]


def _train_once(clip: dict, backbone: dict, prompter: str) -> tuple[nn.Module, dict, object]:
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='CLIPSegmentor',
            class_names=['wall', 'traffic light', 'sky'],
            clip=dict(model=clip),
            backbone=backbone,
            prompter=dict(type=prompter),
            neck=dict(type='ScoreConcat', out_channels=8),
            decode_head=dict(
                type='FPNHead',
                channels=8,
                norm_cfg=dict(type='BN'),
                loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
            ),
            losses=dict(score_map=dict(type='ScoreMapLoss')),
        )
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    wrapper = GroupedOptimConstructor(
        dict(optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.1)),
        dict(custom_keys=dict(), norm_decay_mult=0.0),
    )(model)
    model.eval().train()  # what is frozen must survive both
    labels = torch.randint(0, 3, (1, 64, 64))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
    losses = model.loss(torch.randn(2, 3, 64, 64), samples)
    wrapper.update_params(sum(v for name, v in losses.items() if 'loss' in name))
    return model, before, wrapper.optimizer


def _changed(model: nn.Module, before: dict) -> set[str]:
    state = model.state_dict()
    return {name for name, value in before.items() if not torch.equal(state[name], value)}


@pytest.mark.parametrize('prompter', DESIGNS)
@pytest.mark.parametrize(('stages', 'prefixes'), FROZEN)
def test_resnet_stages_and_the_text_tower(tiny_resnet_cfg, prompter, stages, prefixes):
    model, before, optimizer = _train_once(
        tiny_resnet_cfg, dict(type='CLIPResNet', frozen_stages=stages), prompter
    )
    changed = _changed(model, before)
    towers = [name for name in before if 'text_encoder' in name]
    frozen = towers + [n for n in before if n.startswith(prefixes) and n.startswith('backbone.')]
    assert len(towers) > 20
    assert not changed & set(frozen)
    # Weights inside a residual branch stay at first: open_clip starts its last norm at zero.
    ends = ('running_mean', 'running_var', 'bn3.weight', 'downsample.0.weight')
    moving = {n for n in before if n.startswith('backbone.') and n.endswith(ends)} - set(frozen)
    assert moving <= changed
    assert bool(moving) == (stages < 6)
    _check_optimiser(model, optimizer, frozen)
    assert not any(m.training for n, m in model.named_modules() if 'text_encoder' in n)


def test_first_blocks_of_a_vit(tiny_vit_cfg):
    backbone = dict(type='CLIPViT', drop_path=0.5, frozen_blocks=2)
    model, before, optimizer = _train_once(tiny_vit_cfg, backbone, 'PostModelPrompter')
    parts = ('conv1', 'ln_pre', 'class_emb', 'positional', 'transformer.resblocks.0.')
    starts = tuple(f'backbone.visual.{part}' for part in (*parts, 'transformer.resblocks.1.'))
    frozen = [n for n in before if n.startswith(starts) or 'text_encoder' in n]
    changed = _changed(model, before)
    assert not changed & set(frozen)
    assert any('resblocks.2.' in n for n in changed)
    assert [drop.training for drop in model.backbone.drop_paths] == [False, False, True, True]
    _check_optimiser(model, optimizer, frozen)


@pytest.mark.parametrize(('options', 'frozen_blocks'), [(dict(frozen=True), 4), ({}, 0)])
def test_vit_and_the_text_tower(tiny_vit_cfg, options, frozen_blocks):
    backbone = dict(type='CLIPViT', drop_path=0.5, **options)
    model, before, optimizer = _train_once(tiny_vit_cfg, backbone, 'PostModelPrompter')
    changed = _changed(model, before)
    frozen = [n for n in before if 'text_encoder' in n]
    if frozen_blocks:
        frozen += [n for n in before if n.startswith('backbone.visual.')]
        assert not any(m.training for m in model.backbone.visual.modules())
        assert not any(m.training for m in model.backbone.drop_paths)
    assert not changed & set(frozen)
    assert any(n.startswith('backbone.resample') for n in changed)
    assert any(n.startswith('backbone.visual') for n in changed) == (frozen_blocks == 0)
    _check_optimiser(model, optimizer, frozen)


def _check_optimiser(model: nn.Module, optimizer: torch.optim.Optimizer, frozen: list[str]) -> None:
    """No frozen parameter wants a gradient, has a group or a state; every other one does."""
    known = {id(p) for group in optimizer.param_groups for p in group['params']}
    for name, parameter in model.named_parameters():
        expected = name not in frozen
        assert parameter.requires_grad == expected, name
        assert (id(parameter) in known) == expected, name
        assert (parameter in optimizer.state) == expected, name
