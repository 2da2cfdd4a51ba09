"""Matchers between the stages of a frozen tower, for every kind of tower."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from random_weights import as_if_trained
from torch import nn
from torch.nn import functional as F

from icpc.backbones import ImageNetBackbone, PromptMatchedBackbone, PromptMatcher
from icpc.clip import load_clip

CLASSES = 5
_CONVNEXT = dict(timm_model_name='convnext_atto', image_size=64)
_SWIN = dict(timm_model_name='swin_tiny_patch4_window7_224', image_size=224)
_EVA = dict(timm_model_name='eva02_tiny_patch14_224', image_size=224)
TOWERS = {
    'ResNet': ('resnet', {}),
    'ResNet at stride 8': ('resnet', dict(output_stride=8, dense='value')),
    'ViT': ('vit', {}),
    'ConvNeXt of timm': (_CONVNEXT, {}),
    'Swin of timm': (_SWIN, {}),
    'EVA of timm': (_EVA, {}),
    'ImageNet ResNet': ('vit', dict(type='ImageNetBackbone', model='resnet18', heads=4)),
    'ImageNet Swin': (
        'vit',
        dict(type='ImageNetBackbone', model='swin_tiny_patch4_window7_224', heads=4),
    ),
}


@pytest.fixture
def make(tiny_resnet_cfg, tiny_vit_cfg):
    """The plain tower and the same one with matchers, in training mode."""

    def build(kind: str, **options) -> tuple[nn.Module, PromptMatchedBackbone]:
        clip, tower = TOWERS[kind]
        if isinstance(clip, dict):
            vision = dict(timm_model_pretrained=False, timm_pool='', timm_proj='linear', **clip)
            clip = dict(tiny_vit_cfg, vision_cfg=vision)
        else:
            clip = dict(resnet=tiny_resnet_cfg, vit=tiny_vit_cfg)[clip]
        if 'model' in tower:
            tower = dict(tower, pretrained=False)
        torch.manual_seed(0)
        visual = load_clip(clip).visual
        given = dict(visual=visual, num_classes=CLASSES, tower=tower)
        matched = PromptMatchedBackbone(**given, **options)
        as_if_trained(matched.tower)
        plain = copy.deepcopy(matched.tower)
        return plain, matched.train()

    return build


@pytest.mark.parametrize('kind', TOWERS)
def test_at_first_the_tower_sees_what_it_saw(make, kind):
    plain, matched = make(kind)
    matched.set_prior(torch.tensor([4, 0, 2, 1, 1]))
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected, found = plain.eval()(images), matched.eval()(images)
    for one, other in zip(found.pyramid, expected.pyramid, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(found.dense, expected.dense)
    assert torch.equal(found.pooled, expected.pooled)
    assert len(found.interim) == 4
    prior = torch.tensor([4.0, 1, 2, 1, 1]) / 9
    for semantic in found.interim:
        shares = semantic.softmax(1).permute(0, 2, 3, 1)
        torch.testing.assert_close(shares, prior.expand_as(shares))


@pytest.mark.parametrize('kind', TOWERS)
def test_every_matcher_changes_what_comes_behind_it(make, kind):
    plain, matched = make(kind)
    images = torch.randn(1, 3, 64, 96)
    plain.eval()
    matched.eval()
    with torch.no_grad():
        for stage, matcher in enumerate(matched.matchers):
            matcher.prompt.bias.fill_(0.5)
            before, after = plain(images).pyramid, matched(images).pyramid
            same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
            assert same == [level < stage for level in range(4)]
            matcher.prompt.bias.zero_()


@pytest.mark.parametrize('kind', ['ResNet', 'ViT', 'ConvNeXt of timm', 'ImageNet ResNet'])
def test_the_tower_stays_and_all_else_trains(make, kind):
    _, matched = make(kind)
    before = copy.deepcopy(matched.state_dict())
    trained = {name for name, p in matched.named_parameters() if p.requires_grad}
    new = ('matchers.', 'tower.resample.', 'tower.pool.')
    assert {name for name, _ in matched.named_parameters() if name.startswith(new)} == trained
    optimizer = torch.optim.SGD([p for p in matched.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        features = matched(torch.randn(2, 3, 64, 64))
        parts = (*features.pyramid, *features.interim, features.dense, features.pooled)
        sum(part.square().mean() + part.mean() for part in parts).backward()
        optimizer.step()
    idle = [name for name in trained if matched.get_parameter(name).grad is None]
    assert idle == []
    changed = {k for k, v in matched.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(name.startswith(new) for name in changed)
    assert all(matched.get_parameter(f'matchers.{i}.reduce.weight').grad.any() for i in range(4))


def test_recomputing_changes_neither_values_nor_gradients(make):
    _, matched = make('ResNet')
    for parameter in matched.matchers.parameters():
        nn.init.normal_(parameter, std=0.1)
    images, found = torch.randn(2, 3, 64, 64), []
    for recompute in (True, False):
        matched.zero_grad()
        for part in (matched.tower, *matched.matchers):
            part.checkpointing = recompute
        features = matched(images)
        (features.pyramid[3].square().mean() + features.interim[3].square().mean()).backward()
        grads = [p.grad.clone() for p in matched.matchers.parameters()]
        found.append([*features.pyramid, *features.interim, *grads])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_matcher_by_hand():
    torch.manual_seed(0)
    matcher = PromptMatcher(channels=3, num_classes=4, width=2, steps=3)
    for parameter in matcher.parameters():
        nn.init.normal_(parameter)
    features, semantic = torch.randn(1, 3, 5, 6), torch.randn(1, 4, 2, 3)
    found, refined = matcher(features, semantic)

    def mix(layer: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
        y = torch.einsum('oc,bchw->bohw', layer.weight[:, :, 0, 0], x)
        return y if layer.bias is None else y + layer.bias[:, None, None]

    def spread(layers: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
        padded, weight = F.pad(x, (1, 1, 1, 1)), layers[0].weight[:, 0]
        moved = sum(
            weight[:, i, j, None, None] * padded[:, :, i : i + 5, j : j + 6]
            for i in range(3)
            for j in range(3)
        )
        return mix(layers[1], moved)

    reduced = mix(matcher.reduce, features)
    reduced = (reduced - reduced.mean()) / (reduced.var(correction=0) + 1e-5).sqrt()
    reduced = reduced * matcher.norm.weight[:, None, None] + matcher.norm.bias[:, None, None]
    m, h = F.interpolate(semantic, (5, 6), mode='bilinear'), torch.zeros(1, 2, 5, 6)
    for _ in range(3):
        both = torch.cat([h, reduced + mix(matcher.embed, m.exp() / m.exp().sum(1))], 1)
        z = 1 / (1 + (-spread(matcher.gate, both)).exp())
        h = (1 - z) * h + z * F.gelu(spread(matcher.candidate, both))
        m = m + mix(matcher.classify, h)
    torch.testing.assert_close(refined, m)
    torch.testing.assert_close(found, features + mix(matcher.prompt, h))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(tower=dict(type='MiT')), "tower.type='MiT' has no stages"),
        (dict(tower=dict(frozen_stages=2)), r'tower.frozen_stages=2: .* leave it out'),
        (dict(steps=0), 'backbone.steps must be at least 1'),
        (dict(dense='value'), "dense must be 'tower' or None"),
    ],
)
def test_wrong_options_are_refused(tiny_resnet_cfg, options, message):
    visual = load_clip(tiny_resnet_cfg).visual
    with pytest.raises(ValueError, match=message):
        PromptMatchedBackbone(visual, CLASSES, **options)


def test_taps_that_leave_a_stage_empty_are_refused(tiny_vit_cfg):
    visual = load_clip(tiny_vit_cfg).visual
    with pytest.raises(ValueError, match='4 different blocks'):
        PromptMatchedBackbone(visual, CLASSES, tower=dict(taps=(1, 2, 2, 3)))


def test_a_frozen_imagenet_network_keeps_its_statistics(tiny_vit_cfg):
    visual = load_clip(tiny_vit_cfg).visual
    backbone = ImageNetBackbone(visual, 'resnet18', pretrained=False, heads=4, frozen=True).train()
    before = copy.deepcopy(backbone.stages.state_dict())
    backbone(torch.randn(2, 3, 64, 64)).dense.sum().backward()
    assert all(torch.equal(v, before[k]) for k, v in backbone.stages.state_dict().items())
    assert all(p.grad is None for p in backbone.stages.parameters())
    assert all(p.grad is not None for p in backbone.pool.parameters())


def test_it_is_registered():
    assert MODELS.get('PromptMatchedBackbone') is PromptMatchedBackbone
