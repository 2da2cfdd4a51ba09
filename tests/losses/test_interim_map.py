"""The loss on interim maps is the mean of plain cross-entropies."""

import pytest
import torch
from torch.nn import functional as F

from icpc.losses import InterimMapLoss
from icpc.structures import CLIPFeatures


def test_it_is_the_mean_of_plain_cross_entropies():
    torch.manual_seed(0)
    maps = [torch.randn(2, 5, *size, requires_grad=True) for size in ((8, 12), (8, 12), (2, 3))]
    labels = torch.randint(0, 5, (2, 32, 48))
    labels[:, :7] = 255
    loss = InterimMapLoss(0.7)(CLIPFeatures((), None, None, tuple(maps)), None, [], labels)
    found = torch.autograd.grad(loss, maps)
    plain = [
        F.cross_entropy(F.interpolate(one, (32, 48), mode='bilinear'), labels, ignore_index=255)
        for one in maps
    ]
    expected = 0.7 * sum(plain) / 3
    torch.testing.assert_close(loss, expected)
    for one, other in zip(found, torch.autograd.grad(expected, maps), strict=True):
        torch.testing.assert_close(one, other)


def test_a_backbone_without_interim_maps_is_refused():
    with pytest.raises(ValueError, match=r'model\.losses\.interim=None'):
        InterimMapLoss()(CLIPFeatures((), None, None), None, [], torch.zeros(1, 4, 4).long())
