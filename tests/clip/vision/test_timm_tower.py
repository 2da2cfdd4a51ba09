"""Image towers from timm: open_clip's own outputs, and positions one by one."""

import pytest
import torch
from open_clip.timm_model import TimmModel
from torch import nn

from icpc.clip import CLIPTimm
from icpc.clip.loading import backbone_type

# timm's name, its own picture size, open_clip's pool and projection
TOWERS = [
    ('convnext_atto', 224, '', 'linear'),
    ('swin_tiny_patch4_window7_224', 224, '', 'linear'),
    ('vit_pe_core_tiny_patch16_384', 384, 'map', None),
    ('vit_tiny_patch16_224', 224, 'token', None),
    ('vit_tiny_patch16_224', 224, 'avg', 'mlp'),
]


def _tower(name: str, size: int, pool: str, proj: str | None) -> nn.Module:
    torch.manual_seed(0)
    return TimmModel(name, 24, image_size=size, pool=pool, proj=proj).eval()


@pytest.mark.parametrize('tower', TOWERS, ids=str)
def test_pooled_is_open_clips_and_other_sizes_work(tower):
    visual = _tower(*tower)
    assert backbone_type(visual) == 'CLIPTimm'
    images = torch.randn(1, 3, tower[1], tower[1])
    with torch.no_grad():
        expected = visual(images)
        backbone = CLIPTimm(visual).eval()
        torch.testing.assert_close(backbone(images).pooled, expected)
        features = backbone(torch.randn(2, 3, 100, 130))
    padded = {32: (128, 160), 16: (112, 144)}[backbone.size_divisor]
    sizes = [tuple(level.shape[2:]) for level in features.pyramid]
    expected = [tuple(int(side // stride) for side in padded) for stride in backbone.strides]
    assert sizes == expected
    assert tuple(level.shape[1] for level in features.pyramid) == backbone.channels
    assert features.dense.shape == (2, 24, *sizes[backbone.dense_level])
    assert features.pooled.shape == (2, 24)


@pytest.mark.parametrize('tower', TOWERS[:2], ids=str)
def test_one_position_alone_embeds_as_the_whole_picture(tower):
    """Of a mean-pooled tower with one position, dense and pooled are the same thing."""
    backbone = CLIPTimm(_tower(*tower)).eval()
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, 32, 32))
    torch.testing.assert_close(features.dense[:, :, 0, 0], features.pooled)


@pytest.mark.parametrize('tower', TOWERS[3:], ids=str)
def test_positions_of_a_vit_go_through_norm_and_projection_alone(tower):
    visual = _tower(*tower)
    backbone = CLIPTimm(visual).eval()
    images = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        tokens = visual.trunk.forward_features(images)[0, 1:]  # (2 * 3, C)
        expected = visual.head(visual.trunk.head(visual.trunk.fc_norm(tokens)))
        dense = backbone(images).dense
    torch.testing.assert_close(dense[0].flatten(1).T, expected)


def test_every_parameter_is_used_with_and_without_text():
    for dense in ('position', None):
        backbone = CLIPTimm(_tower(*TOWERS[0]), dense=dense).train()
        features = backbone(torch.randn(2, 3, 64, 64))
        outputs = [t for t in (*features.pyramid, features.dense, features.pooled) if t is not None]
        sum(t.square().sum() for t in outputs).backward()
        assert len(outputs) == (6 if dense else 4)
        assert [n for n, p in backbone.named_parameters() if p.grad is None] == []


def test_a_frozen_tower_stays():
    backbone = CLIPTimm(_tower(*TOWERS[3]), frozen=True).train()
    assert not any(m.training for m in backbone.visual.modules())
    assert not any(p.requires_grad for p in backbone.visual.parameters())
    assert all(p.requires_grad for p in backbone.resample.parameters())


@pytest.mark.parametrize(
    ('tower', 'options', 'message'),
    [
        (TOWERS[0], dict(taps=[0, 1, 2, 3]), 'towers with one grid, not ConvNeXt'),
        (TOWERS[3], dict(taps=[0, 1, 2, 12]), 'below 12'),
        (TOWERS[3], dict(dense='attention'), "must be 'position' or None"),
        (('resnet18', 224, '', 'linear'), {}, 'ResNet are not supported'),
    ],
)
def test_refusals(tower, options, message):
    with pytest.raises(ValueError, match=message):
        CLIPTimm(_tower(*tower), **options)
