"""CLIP's ResNet: open_clip's own output at its native size, any other size, strides, freezing."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from icpc.clip import CLIPResNet

SIZES = [(65, 97), (32, 160), (130, 40)]


@pytest.fixture
def visual(build_clip: Callable, tiny_resnet_cfg: dict) -> nn.Module:
    tiny_resnet_cfg['vision_cfg'].update(layers=[1, 2, 1, 2])
    return build_clip(tiny_resnet_cfg).visual


@pytest.mark.parametrize('dense', ['attention', 'value'])
def test_pooled_is_open_clips_at_the_native_size(visual: nn.Module, dense: str) -> None:
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = visual(images)
        pooled = CLIPResNet(visual, dense=dense).eval()(images).pooled
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(pooled, expected, rtol=0, atol=1e-5)


def test_pooled_is_open_clips_for_the_real_rn50(build_clip: Callable) -> None:
    visual = build_clip('RN50-quickgelu').visual
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected = visual(images)
        features = CLIPResNet(visual).eval()(images)
    assert [x.shape[1] for x in features.pyramid] == [256, 512, 1024, 2048]
    assert features.dense.shape == (1, 1024, 7, 7)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(features.pooled, expected, rtol=0, atol=1e-5)


def test_pyramid_is_open_clips_own(visual: nn.Module) -> None:
    images = torch.randn(2, 3, 65, 97)
    with torch.no_grad():
        expected = visual.forward_intermediates(images, [1, 2, 3, 4], intermediates_only=True)
        pyramid = CLIPResNet(visual).eval()(images).pyramid
    assert len(pyramid) == 4
    for own, theirs in zip(pyramid, expected['image_intermediates'], strict=True):
        assert torch.equal(own, theirs)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('output_stride', [8, 16, 32])
@pytest.mark.parametrize('dense', ['attention', 'value'])
def test_any_size_and_stride(
    visual: nn.Module, size: tuple[int, int], output_stride: int, dense: str
) -> None:
    backbone = CLIPResNet(visual, dense=dense, output_stride=output_stride).eval()
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, *size))
    assert backbone.strides == (4, 8, min(16, output_stride), output_stride)
    # The stem's first convolution rounds up, each pool behind it rounds down.
    expected = [tuple((side + 1) // 2 // (s // 2) for side in size) for s in backbone.strides]
    assert [tuple(x.shape[2:]) for x in features.pyramid] == expected
    assert [x.shape[1] for x in features.pyramid] == list(backbone.channels) == [32, 64, 128, 256]
    assert features.dense.shape == (2, backbone.embed_dim, *expected[backbone.dense_level])
    assert features.pooled.shape == (2, backbone.embed_dim)


def test_dense_attention_is_open_clips_pool_asked_at_every_position(visual: nn.Module) -> None:
    """open_clip's pool answers its first token; shown another position there, it answers that."""
    backbone = CLIPResNet(visual).eval()
    with torch.no_grad():
        features = backbone(torch.randn(1, 3, 64, 64))  # a 2 x 2 grid
        pool = visual.attnpool
        tokens = features.pyramid[3].flatten(2).permute(2, 0, 1)  # (4, 1, C)
        placed = torch.cat([tokens.mean(0, keepdim=True), tokens])
        placed = placed + pool.positional_embedding[:, None]
        attention = nn.MultiheadAttention(256, pool.num_heads)
        for target, source in zip(
            (attention.in_proj_weight, attention.in_proj_bias),
            ('weight', 'bias'),
            strict=True,
        ):
            parts = [getattr(p, source) for p in (pool.q_proj, pool.k_proj, pool.v_proj)]
            target.copy_(torch.cat(parts))
        attention.out_proj.weight.copy_(torch.eye(256))
        attention.out_proj.bias.zero_()
        expected = pool.c_proj(attention(placed, placed, placed)[0])[1:, 0]  # (4, D)
    torch.testing.assert_close(features.dense[0].flatten(1).T, expected, rtol=0, atol=1e-5)


def test_dense_value_does_not_mix_positions(visual: nn.Module) -> None:
    backbone = CLIPResNet(visual, dense='value').eval()
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, 64, 96))
        pool = visual.attnpool
        for b, i, j in torch.cartesian_prod(*map(torch.arange, (2, 2, 3))).tolist():
            expected = pool.c_proj(pool.v_proj(features.pyramid[3][b, :, i, j]))
            torch.testing.assert_close(features.dense[b, :, i, j], expected, rtol=0, atol=1e-5)


def test_the_first_unpooled_block_averages_to_the_pooled_one(visual: nn.Module) -> None:
    """Before its last ReLU a block is linear in what its pools see, so pooling commutes with it."""
    first = visual.layer4[0]
    first.act3 = nn.Identity()
    plain, dilated = CLIPResNet(deepcopy(visual)), CLIPResNet(visual, output_stride=16)
    x = torch.randn(2, 128, 6, 8)
    with torch.no_grad():
        expected = plain.eval().visual.layer4[0](x)
        unpooled = dilated.eval().visual.layer4[0](x)
    assert unpooled.shape == (2, 256, 6, 8)
    torch.testing.assert_close(F.avg_pool2d(unpooled, 2), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(('output_stride', 'step'), [(16, 2), (8, 4)])
def test_later_blocks_are_the_plain_ones_on_every_phase(
    visual: nn.Module, output_stride: int, step: int
) -> None:
    """A dilated block is the plain block on each of the step x step interleaved grids."""
    plain = CLIPResNet(deepcopy(visual)).eval().visual.layer4[1]
    dilated = CLIPResNet(visual, output_stride=output_stride).eval().visual.layer4[1]
    x = torch.randn(2, 256, 3 * step, 2 * step)
    with torch.no_grad():
        found = dilated(x)
        for i, j in torch.cartesian_prod(torch.arange(step), torch.arange(step)).tolist():
            phase = (..., slice(i, None, step), slice(j, None, step))
            torch.testing.assert_close(found[phase], plain(x[phase]), rtol=0, atol=1e-5)


def test_stride_8_dilates_the_first_block_of_stage_4_by_2(visual: nn.Module) -> None:
    """It runs before its own pool would have, but behind stage 3's, which is left out too."""
    plain = CLIPResNet(deepcopy(visual)).eval().visual.layer4[0]
    dilated = CLIPResNet(visual, output_stride=8).eval().visual.layer4[0]
    plain.act3 = dilated.act3 = nn.Identity()
    x = torch.randn(1, 128, 8, 12)
    with torch.no_grad():
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            unpooled = dilated(x)[..., i::2, j::2]
            expected = plain(x[..., i::2, j::2])
            torch.testing.assert_close(F.avg_pool2d(unpooled, 2), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('output_stride', [8, 16])
def test_every_stride_has_the_same_weights(visual: nn.Module, output_stride: int) -> None:
    names = CLIPResNet(deepcopy(visual)).state_dict()
    CLIPResNet(visual, output_stride=output_stride).load_state_dict(names, strict=True)


def test_without_text_there_is_no_attention_pool(visual: nn.Module) -> None:
    backbone = CLIPResNet(visual, dense=None)
    assert not [name for name in backbone.state_dict() if 'attnpool' in name]
    features = backbone(torch.randn(1, 3, 64, 64))
    assert features.dense is None
    assert features.pooled is None


@pytest.mark.parametrize('frozen_stages', range(7))
def test_frozen_stages_stay_as_they_are(visual: nn.Module, frozen_stages: int) -> None:
    backbone = CLIPResNet(visual, frozen_stages=frozen_stages)
    backbone.train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    features = backbone(torch.randn(2, 3, 64, 64, requires_grad=True))
    (features.dense.sum() + features.pooled.sum()).backward()
    groups = (('conv', 'bn'), ('layer1',), ('layer2',), ('layer3',), ('layer4',), ('attnpool',))
    frozen = tuple(f'visual.{start}' for group in groups[:frozen_stages] for start in group)
    for name, parameter in backbone.named_parameters():
        assert (parameter.grad is None) == name.startswith(frozen or '-'), name
    moved = [name for name, value in backbone.state_dict().items() if (value != before[name]).any()]
    statistics = [n for n in before if 'running' in n or 'tracked' in n]
    assert len(statistics) == 75
    assert moved == [n for n in statistics if not n.startswith(frozen or '-')]


def test_norm_eval_keeps_statistics_and_trains_weights(visual: nn.Module) -> None:
    backbone = CLIPResNet(visual, norm_eval=True).train()
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 64, 64)).dense.sum().backward()
    assert len(before) == 75
    assert all(torch.equal(before[name], value) for name, value in backbone.named_buffers())
    assert visual.layer1[0].bn1.weight.grad is not None
    assert backbone.training


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(dense='token'), 'backbone.dense must be one of'),
        (dict(output_stride=4), 'backbone.output_stride must be 8, 16 or 32, got 4'),
        (dict(frozen_stages=7), 'backbone.frozen_stages must be 0 .. 6, got 7'),
    ],
)
def test_values_out_of_range_raise(visual: nn.Module, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type='CLIPResNet', visual=visual, **options))


def test_a_vision_transformer_is_refused(build_clip: Callable, tiny_vit_cfg: dict) -> None:
    with pytest.raises(ValueError, match='model.backbone.type=CLIPViT'):
        CLIPResNet(build_clip(tiny_vit_cfg).visual)
