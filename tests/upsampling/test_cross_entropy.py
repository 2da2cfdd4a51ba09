"""The fused loss against F.interpolate + F.cross_entropy."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from icpc.upsampling import cross_entropy as module
from icpc.upsampling import upsampled_cross_entropy

# B, K, h, w, H, W: whole strides, odd ratios, single inputs, downsampling, many classes.
SIZES = [
    (2, 7, 8, 8, 32, 32),
    (3, 5, 4, 6, 17, 23),
    (1, 4, 1, 1, 9, 8),
    (1, 3, 1, 6, 5, 24),
    (2, 3, 9, 9, 4, 5),
    (2, 150, 5, 5, 20, 20),
]


def plain(logits: Tensor, labels: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    full = F.interpolate(logits * scale, size=labels.shape[1:], mode='bilinear')
    loss = F.cross_entropy(full, labels, ignore_index=255)
    valid = labels != 255
    return loss, (full.argmax(1) == labels)[valid].double().mean()


def example(size: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    batch, classes, h, w, height, width = size
    logits = torch.randn(batch, classes, h, w, dtype=dtype) * 4
    labels = torch.randint(0, classes, (batch, height, width))
    labels[torch.rand(labels.shape) < 0.2] = 255
    return logits.requires_grad_(), labels


@pytest.mark.parametrize('tile', [1, 500, 2**20])
@pytest.mark.parametrize('size', SIZES)
def test_equals_plain_in_float64(monkeypatch, size, tile):
    monkeypatch.setattr(module, '_CPU_TILE', tile)  # one cell a tile, a few, all
    logits, labels = example(size, torch.float64)
    expected, share = plain(logits, labels, 1 / 0.7)
    loss, accuracy = upsampled_cross_entropy(logits, labels, scale=1 / 0.7)
    assert abs(loss - expected).item() < 1e-13
    assert abs(accuracy - share).item() < 1e-13
    (gradient,) = torch.autograd.grad(3 * loss, logits)
    (reference,) = torch.autograd.grad(3 * expected, logits)
    assert (gradient - reference).abs().max().item() < 1e-14


@pytest.mark.parametrize('size', SIZES)
def test_equals_plain_in_float32(size):
    logits, labels = example(size, torch.float32)
    expected, _ = plain(logits, labels)
    loss, _ = upsampled_cross_entropy(logits, labels)
    (gradient,) = torch.autograd.grad(loss, logits)
    (reference,) = torch.autograd.grad(expected, logits)
    assert abs(loss - expected).item() < 1e-5
    assert (gradient - reference).abs().max().item() < 1e-6


def test_extreme_logits_stay_finite_and_right():
    logits = torch.tensor([[500.0, -500.0], [-500.0, 500.0]]).view(1, 2, 1, 2).requires_grad_()
    labels = torch.tensor([[[1, 0, 1, 0]]])
    loss, accuracy = upsampled_cross_entropy(logits, labels)
    # Upsampled: 500, 250, -250, -500 for class 0 and the negative for class 1.
    assert loss.item() == pytest.approx((1000 + 0 + 0 + 1000) / 4)
    assert accuracy.item() == 0.5
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(gradient).all()


def test_nothing_labelled_gives_zero():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss, accuracy = upsampled_cross_entropy(logits, torch.full((1, 8, 8), 255))
    loss.backward()
    assert loss.item() == accuracy.item() == 0
    assert logits.grad.abs().max() == 0


def test_other_ignore_index():
    """With 847 classes 255 is a class like any other."""
    logits = torch.randn(1, 300, 2, 2)
    labels = torch.full((1, 8, 8), 255)
    labels[:, :4] = 65535
    loss, _ = upsampled_cross_entropy(logits, labels, ignore_index=65535)
    full = F.interpolate(logits, size=(8, 8), mode='bilinear')
    assert abs(loss - F.cross_entropy(full, labels, ignore_index=65535)).item() < 1e-5


def test_autocast_computes_in_float32():
    logits, labels = example(SIZES[0], torch.float32)
    expected, _ = upsampled_cross_entropy(logits, labels)
    with torch.autocast('cpu', torch.bfloat16):
        loss, _ = upsampled_cross_entropy(logits, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == expected.item()
    half = logits.detach().bfloat16().requires_grad_()
    loss, _ = upsampled_cross_entropy(half, labels)
    loss.backward()
    assert half.grad.dtype == torch.bfloat16
    assert abs(loss - upsampled_cross_entropy(half.float(), labels).loss).item() < 1e-6


def test_classes_permute():
    logits, labels = example(SIZES[1], torch.float64)
    order = torch.randperm(5)
    loss, accuracy = upsampled_cross_entropy(logits, labels)
    renamed = torch.where(labels == 255, 255, order.argsort()[labels.clamp(max=4)])
    other, same = upsampled_cross_entropy(logits[:, order], renamed)
    assert abs(loss - other).item() < 1e-14
    assert accuracy == same


def test_second_backward_raises():
    logits, labels = example(SIZES[0], torch.float32)
    loss, _ = upsampled_cross_entropy(logits, labels)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match='one backward only'):
        loss.backward()


def test_without_gradient_nothing_is_kept():
    logits, labels = example(SIZES[0], torch.float32)
    with torch.no_grad():
        loss, _ = upsampled_cross_entropy(logits, labels)
    assert not loss.requires_grad
    assert abs(loss - plain(logits, labels)[0]).item() < 1e-5


def test_large_tile_of_labels_out_of_range_raises():
    logits = torch.randn(1, 3, 2, 2)
    with pytest.raises((IndexError, RuntimeError), match='out of bounds'):
        upsampled_cross_entropy(logits, torch.full((1, 4, 4), 3))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_a_pixel_far_below_its_neighbours_keeps_its_digits(dtype):
    """Lowered by the cell's largest input its exponentials would all be zero."""
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0)).to(dtype)
    logits[0, :, 0, 0] += 3000
    logits[0, 2, 0, 0] -= 500
    labels = torch.randint(0, 3, (1, 16, 16), generator=torch.Generator().manual_seed(1))
    results = []
    for way in (upsampled_cross_entropy, plain):
        leaf = logits.clone().requires_grad_()
        loss = way(leaf, labels)[0]
        loss.backward()
        results.append((loss.detach(), leaf.grad))
    torch.testing.assert_close(*results)


def test_without_accuracy_the_loss_is_the_same():
    logits = torch.randn(2, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 5, (2, 16, 16), generator=torch.Generator().manual_seed(1))
    found = upsampled_cross_entropy(logits, labels, with_accuracy=False)
    assert torch.equal(found.loss, upsampled_cross_entropy(logits, labels).loss)
    assert found.accuracy == 0
