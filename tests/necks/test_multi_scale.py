"""Score maps of the chosen levels, joined before the FPN."""

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

from icpc.necks import MultiScaleAlignment
from icpc.structures import CLIPFeatures

CHANNELS = (3, 5, 7, 9)
K, D = 6, 8


def build(dense_level: int = 3, **options: object) -> MultiScaleAlignment:
    torch.manual_seed(0)
    sizes = dict(in_channels=CHANNELS, embed_dim=D, num_classes=K, dense_level=dense_level)
    neck = dict(type='MultiScaleAlignment', out_channels=4, **options)
    return MODELS.build(neck, default_args=sizes)


def random_features(dense_level: int = 3) -> CLIPFeatures:
    sizes = [(17, 24), (8, 12), (4, 6), (2, 3)]  # as odd sizes come out of the backbone
    pyramid = tuple(torch.randn(2, c, *s) for c, s in zip(CHANNELS, sizes, strict=True))
    return CLIPFeatures(pyramid, torch.randn(2, D, *sizes[dense_level]), torch.randn(2, D))


def naive_score_map(dense: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    rows = []
    for b in range(len(dense)):
        for k in range(K):
            rows.append(F.cosine_similarity(dense[b], text[b % len(text), k, :, None, None], dim=0))
    return torch.stack(rows).unflatten(0, (len(dense), K))


@pytest.mark.parametrize('levels', [(0, 1, 2, 3), (3,), (2, 0), [1]])
@pytest.mark.parametrize('dense_level', [2, 3])
def test_score_maps_are_cosines_of_the_chosen_levels(levels: tuple, dense_level: int) -> None:
    neck, features = build(dense_level, levels=levels), random_features(dense_level)
    for text in (torch.randn(2, K, D), torch.randn(1, K, D)):
        pyramid, score_maps = neck(features, text)
        assert [tuple(x.shape) for x in pyramid] == [(2, 4, *x.shape[2:]) for x in features.pyramid]
        assert len(score_maps) == len(levels)
        for level, score_map in zip(sorted(levels), score_maps, strict=True):
            own = features.pyramid[level]
            dense = features.dense if level == dense_level else neck.embed[str(level)](own)
            assert dense.shape == (2, D, *own.shape[2:])
            torch.testing.assert_close(score_map, naive_score_map(dense, text))


def test_the_dense_level_uses_clips_own_embedding() -> None:
    neck, features = build(levels=(1, 3)), random_features()
    assert list(neck.embed) == ['1']
    assert neck.embed['1'].weight.shape == (D, CHANNELS[1], 1, 1)
    text = torch.randn(2, K, D)
    changed = features._replace(dense=torch.randn_like(features.dense))
    before, after = neck(features, text)[1], neck(changed, text)[1]
    assert torch.equal(before[0], after[0])
    assert (before[1] - after[1]).abs().max() > 0.1


@pytest.mark.parametrize('scale', [1.0, 0.5])
def test_score_maps_are_joined_behind_the_channels_of_their_level(scale: float) -> None:
    neck, features = build(levels=(0, 3), score_scale=scale), random_features()
    text = torch.randn(2, K, D)
    pyramid, (first, last) = neck(features, text)
    joined = list(features.pyramid)
    joined[0] = torch.cat([joined[0], scale * first], dim=1)
    joined[3] = torch.cat([joined[3], scale * last], dim=1)
    for own, expected in zip(pyramid, neck.fpn(joined), strict=True):
        torch.testing.assert_close(own, expected)
    assert [conv.conv.in_channels for conv in neck.fpn.lateral_convs] == [9, 5, 7, 15]


def test_text_reaches_the_pyramid_and_gets_its_gradient() -> None:
    neck, features = build(), random_features()
    text = torch.randn(2, K, D, requires_grad=True)
    sum(x.square().sum() for x in neck(features, text)[0]).backward()
    assert text.grad.abs().min() > 0


@pytest.mark.parametrize('text', [None, torch.ones(2, K, D)])
def test_without_levels_it_is_a_plain_fpn(text: torch.Tensor | None) -> None:
    neck, features = build(levels=()), random_features()
    pyramid, score_maps = neck(features, text)
    assert score_maps == []
    assert not neck.embed
    for own, expected in zip(pyramid, neck.fpn(features.pyramid), strict=True):
        assert torch.equal(own, expected)


def test_without_a_joint_space_no_level_is_aligned() -> None:
    neck = MultiScaleAlignment(CHANNELS, None, K, dense_level=3, levels=(0, 1, 2, 3))
    assert neck.levels == ()
    assert sum(p.numel() for p in neck.embed.parameters()) == 0


@pytest.mark.parametrize('levels', [(4,), (0, 0), (-1,), (0, 1, 2, 3, 4)])
def test_levels_that_do_not_exist_raise(levels: tuple) -> None:
    with pytest.raises(ValueError, match='neck.levels must be different numbers from 0 to 3'):
        build(levels=levels)
