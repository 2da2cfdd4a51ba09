"""DenseCLIP's neck."""

import torch
from torch.nn import functional as F

from icpc.necks import ScoreConcat
from icpc.structures import CLIPFeatures


def _features() -> CLIPFeatures:
    torch.manual_seed(0)
    pyramid = tuple(torch.randn(2, 8, 16 >> i, 24 >> i) for i in range(4))
    return CLIPFeatures(pyramid, torch.randn(2, 5, 4, 6), torch.randn(2, 5))


def test_raw_cosine_is_joined_to_the_dense_level_alone():
    neck = ScoreConcat([8] * 4, embed_dim=5, num_classes=3, dense_level=2, out_channels=4)
    assert [conv.conv.in_channels for conv in neck.fpn.lateral_convs] == [8, 8, 11, 8]
    features, text = _features(), torch.randn(2, 3, 5)
    pyramid, (scores,) = neck(features, text)
    expected = torch.stack(
        [F.cosine_similarity(features.dense, text[:, k, :, None, None]) for k in range(3)], dim=1
    )
    torch.testing.assert_close(scores, expected)
    joined = list(features.pyramid)
    joined[2] = torch.cat([joined[2], expected], dim=1)
    for ours, plain in zip(pyramid, neck.fpn(joined), strict=True):
        torch.testing.assert_close(ours, plain)


def test_it_adds_no_parameters_but_the_joined_channels():
    sizes = dict(in_channels=[8] * 4, num_classes=3, dense_level=2, out_channels=4)
    with_text = ScoreConcat(embed_dim=5, **sizes)
    without = ScoreConcat(embed_dim=None, **sizes)
    count = [sum(p.numel() for p in neck.parameters()) for neck in (with_text, without)]
    assert count[0] - count[1] == 3 * 4
    assert without(_features(), None)[1] == []
