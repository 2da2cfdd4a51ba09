"""CLIP's ViT: open_clip's own output at its native size, any other size, taps, freezing."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from icpc.clip import CLIPViT
from icpc.clip.vision.vit import default_taps


@pytest.fixture
def visual(build_clip: Callable, tiny_vit_cfg: dict) -> nn.Module:
    visual = build_clip(tiny_vit_cfg).visual
    visual.output_tokens = True
    return visual


def check_native(visual: nn.Module, images: torch.Tensor) -> None:
    visual.output_tokens = True
    with torch.no_grad():
        pooled, tokens = visual(images)
        projected = (tokens @ visual.proj).transpose(1, 2)  # (B, D, h * w)
        features = CLIPViT(visual).eval()(images)
    assert min(pooled.abs().max(), projected.abs().max()) > 0.1
    torch.testing.assert_close(features.pooled, pooled, rtol=0, atol=1e-5)
    torch.testing.assert_close(features.dense.flatten(2), projected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('quick_gelu', [False, True])
def test_tokens_and_pooled_are_open_clips_at_the_native_size(
    build_clip: Callable, tiny_vit_cfg: dict, quick_gelu: bool
) -> None:
    visual = build_clip(tiny_vit_cfg | dict(quick_gelu=quick_gelu)).visual
    check_native(visual, torch.randn(2, 3, 64, 64))


def test_layer_scale_and_a_missing_first_norm_are_kept(
    build_clip: Callable, tiny_vit_cfg: dict
) -> None:
    tiny_vit_cfg['vision_cfg'].update(ls_init_value=0.5, no_ln_pre=True)
    check_native(build_clip(tiny_vit_cfg).visual, torch.randn(2, 3, 64, 64))


def test_tokens_and_pooled_are_open_clips_for_the_real_vit_b_32(build_clip: Callable) -> None:
    check_native(build_clip('ViT-B-32-quickgelu').visual, torch.randn(1, 3, 224, 224))


@pytest.mark.parametrize(
    ('size', 'grid'), [((65, 97), (5, 7)), ((32, 160), (2, 10)), ((64, 64), (4, 4))]
)
def test_any_size(visual: nn.Module, size: tuple[int, int], grid: tuple[int, int]) -> None:
    backbone = CLIPViT(visual).eval()
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, *size))
    assert backbone.strides == (4, 8, 16, 32)
    assert backbone.channels == (32, 32, 32, 32)
    h, w = grid
    sizes = [(4 * h, 4 * w), (2 * h, 2 * w), (h, w), (h // 2, w // 2)]
    assert [tuple(x.shape) for x in features.pyramid] == [(2, 32, *s) for s in sizes]
    assert features.dense.shape == (2, 32, *features.pyramid[backbone.dense_level].shape[2:])
    assert features.pooled.shape == (2, 32)


def test_padding_is_zeros_at_the_bottom_and_right(visual: nn.Module) -> None:
    backbone = CLIPViT(visual).eval()
    images = torch.zeros(1, 3, 64, 80)
    images[:, :, :50, :70] = torch.randn(1, 3, 50, 70)
    with torch.no_grad():
        padded, cut = backbone(images), backbone(images[:, :, :50, :70])
    assert torch.equal(padded.dense, cut.dense)


def test_taps_are_the_outputs_of_their_blocks(visual: nn.Module) -> None:
    backbone = CLIPViT(visual, taps=(0, 1, 1, 3)).eval()
    backbone.resample = nn.ModuleList([nn.Identity() for _ in range(4)])
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = visual.forward_intermediates(images, [0, 1, 3])['image_intermediates']
        pyramid = backbone(images).pyramid
    for own, index in zip(pyramid, (0, 1, 1, 2), strict=True):
        torch.testing.assert_close(own, expected[index], rtol=0, atol=1e-5)


def test_default_taps_are_denseclips() -> None:
    assert default_taps(12) == (3, 5, 7, 11)
    assert default_taps(4) == (0, 1, 2, 3)


def test_pictures_resize_their_positions(visual: nn.Module) -> None:
    """With constant spatial positions every grid size sees the same token for the same patch."""
    with torch.no_grad():
        visual.positional_embedding[1:] = visual.positional_embedding[1]
    backbone = CLIPViT(visual).eval()
    patch = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        small, large = backbone(patch.repeat(1, 1, 2, 3)), backbone(patch.repeat(1, 1, 5, 4))
    torch.testing.assert_close(small.dense[0, :, 0, 0], small.dense[0, :, 1, 2])
    for features in (small, large):
        assert features.dense.flatten(2).std(dim=2).max() < 1e-5


def test_without_text_the_projection_is_left_out(visual: nn.Module) -> None:
    backbone = CLIPViT(visual, dense=None)
    names = list(backbone.state_dict())
    assert not [n for n in names if n.endswith('.proj') or 'ln_post' in n]
    features = backbone(torch.randn(1, 3, 64, 64))
    assert features.dense is None
    assert features.pooled is None
    sum(x.sum() for x in features.pyramid).backward()
    assert [n for n, p in backbone.named_parameters() if p.grad is None] == []


def test_drop_path_grows_to_its_rate_and_rests_in_eval(visual: nn.Module) -> None:
    backbone = CLIPViT(visual, drop_path=0.3)
    rates = [getattr(module, 'drop_prob', 0.0) for module in backbone.drop_paths]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3])
    images = torch.randn(4, 3, 64, 64)
    torch.manual_seed(1)
    assert not torch.equal(backbone(images).dense, backbone(images).dense)
    backbone.eval()
    assert torch.equal(backbone(images).dense, backbone(images).dense)


def test_a_frozen_tower_gets_no_gradient_and_does_not_move(visual: nn.Module) -> None:
    backbone = CLIPViT(visual, drop_path=0.5, frozen=True).train()
    before = {name: value.clone() for name, value in backbone.visual.state_dict().items()}
    images = torch.randn(2, 3, 64, 64)
    features = backbone(images)
    assert torch.equal(features.dense, backbone(images).dense)  # no drop path
    (sum(x.sum() for x in features.pyramid) + features.dense.sum()).backward()
    assert all(torch.equal(before[k], v) for k, v in backbone.visual.state_dict().items())
    trained = [name for name, p in backbone.named_parameters() if p.grad is not None]
    assert trained == [name for name, _ in backbone.named_parameters() if 'resample' in name]
    assert len(trained) == 16


def test_values_out_of_range_raise(visual: nn.Module) -> None:
    for options, message in (
        (dict(dense='values'), "must be one of .'token', 'value', 'sclip', 'clearclip', 'naclip'"),
        (dict(dense='naclip', last_block='half'), "last_block must be one of .'full', 'reduced'"),
        (dict(dense='sclip', gaussian_std=5.0), 'gaussian_std=5.0 has no effect'),
        (dict(dense='naclip', gaussian_std=-1.0), 'must be a number of patches, 0 for none'),
        (dict(positions='sizes'), "positions must be one of .'size', 'scale'"),
    ):
        with pytest.raises(ValueError, match=message):
            CLIPViT(visual, **options)
    for taps in ((0, 1, 2), (0, 1, 2, 4), (2, 1, 3, 3), (-1, 1, 2, 3)):
        with pytest.raises(ValueError, match='backbone.taps must be 4 rising indices below 4'):
            CLIPViT(visual, taps=taps)


def test_a_resnet_is_refused(build_clip: Callable, tiny_resnet_cfg: dict) -> None:
    with pytest.raises(ValueError, match='model.backbone.type=CLIPResNet'):
        CLIPViT(build_clip(tiny_resnet_cfg).visual)


@pytest.mark.parametrize(
    'options',
    [dict(pool_type='avg'), dict(attentional_pool=True), dict(final_ln_after_pool=True)],
    ids=lambda options: next(iter(options)),
)
def test_other_ways_of_pooling_are_refused(
    build_clip: Callable, tiny_vit_cfg: dict, options: dict
) -> None:
    tiny_vit_cfg['vision_cfg'].update(options)
    with pytest.raises(ValueError, match='pooled at the class token'):
        CLIPViT(build_clip(tiny_vit_cfg).visual)
