"""The loss on score maps against a loop over the labelled pixels."""

import math

import pytest
import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from icpc.losses import ScoreMapLoss, score_map_loss
from icpc.structures import CLIPFeatures

NO_FEATURES = CLIPFeatures((), None, None)


def naive_loss(score_map: Tensor, labels: Tensor, temperature: float) -> Tensor:
    logits = F.interpolate(
        score_map, size=labels.shape[1:], mode='bilinear', align_corners=False
    ).div(temperature)
    losses = []
    for b, i, j in torch.cartesian_prod(*map(torch.arange, labels.shape)).tolist():
        if labels[b, i, j] != 255:
            pixel = logits[b, :, i, j]
            losses.append(pixel.exp().sum().log() - pixel[labels[b, i, j]])
    return torch.stack(losses).mean()


def some_labels() -> Tensor:
    labels = torch.randint(0, 4, (2, 9, 13))
    labels[torch.rand(labels.shape) < 0.3] = 255
    return labels


@pytest.mark.parametrize('size', [(3, 4), (9, 13), (2, 13)])
@pytest.mark.parametrize('temperature', [0.07, 1.0])
def test_mean_cross_entropy_of_the_labelled_pixels(size: tuple, temperature: float) -> None:
    torch.manual_seed(0)
    own, plain = (
        torch.rand(2, 4, *size, generator=torch.Generator().manual_seed(1)).double()
        for _ in range(2)
    )
    labels = some_labels()
    loss = score_map_loss(own.requires_grad_(), labels, temperature)
    expected = naive_loss(plain.requires_grad_(), labels, temperature)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-9)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(own.grad, plain.grad, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ('cosines', 'label', 'expected'),
    [
        ([0.0, 0.0, 0.0], 1, math.log(3)),
        ([0.07 * math.log(2), 0.0, 0.0], 0, math.log(2)),  # 2 of 2 + 1 + 1
        ([0.07 * math.log(2), 0.0, 0.0], 2, math.log(4)),
        ([1.0, -1.0, -1.0], 0, math.log(1 + 2 * math.exp(-2 / 0.07))),
    ],
)
def test_values_worked_by_hand(cosines: list, label: int, expected: float) -> None:
    score_map = torch.tensor(cosines, dtype=torch.float64).reshape(1, 3, 1, 1)
    loss = score_map_loss(score_map, torch.full((1, 4, 4), label))
    assert loss.item() == pytest.approx(expected, abs=1e-12)


def test_nothing_labelled_is_zero_with_finite_gradient() -> None:
    score_map = torch.rand(2, 4, 3, 3, requires_grad=True)
    loss = score_map_loss(score_map, torch.full((2, 8, 8), 255))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(score_map.grad, torch.zeros_like(score_map))


def test_ignored_pixels_do_not_dilute_it() -> None:
    torch.manual_seed(0)
    score_map = torch.rand(1, 4, 4, 4)
    labels = torch.randint(0, 4, (1, 8, 8))
    labels[:, 5:] = 255
    whole = torch.cat([labels, torch.full((1, 8, 8), 255)])
    alone = score_map_loss(score_map, labels)
    torch.testing.assert_close(score_map_loss(score_map.repeat(2, 1, 1, 1), whole), alone)


def test_the_module_sums_weighted_maps() -> None:
    torch.manual_seed(0)
    maps, labels = [torch.rand(2, 4, 3, 4), torch.rand(2, 4, 6, 8)], some_labels()
    text = torch.rand(2, 4, 8)
    loss = MODELS.build(dict(type='ScoreMapLoss', weight=0.3, temperature=0.1))
    expected = 0.3 * sum(naive_loss(m, labels, 0.1) for m in maps)
    torch.testing.assert_close(loss(NO_FEATURES, text, maps, labels), expected)
    assert ScoreMapLoss()(NO_FEATURES, text, [], labels) == 0
    default = ScoreMapLoss()(NO_FEATURES, text, maps[:1], labels)
    torch.testing.assert_close(default, 0.4 * naive_loss(maps[0], labels, 0.07))  # DenseCLIP


def test_another_ignored_label() -> None:
    torch.manual_seed(0)
    maps, labels = [torch.rand(1, 4, 3, 3)], torch.randint(0, 4, (1, 6, 6))
    moved = torch.where(labels == 3, 255, labels)
    loss = ScoreMapLoss(ignore_index=3)(NO_FEATURES, None, maps, labels)
    torch.testing.assert_close(loss, ScoreMapLoss()(NO_FEATURES, None, maps, moved))
