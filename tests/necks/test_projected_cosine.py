"""Cosines without the embedding against the embedding's own."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from icpc.alignment import cosine_score_map
from icpc.necks import projected_cosine
from icpc.necks.projected_cosine import is_cheaper, projected_score_map

D, C, K = 30, 13, 4


def some_input(texts: int = 2, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """x (2, C, 6, 7), W, b and texts; the sizes by which the embedding is left out."""
    generator = torch.Generator().manual_seed(0)
    shapes = (2, C, 6, 7), (D, C, 1, 1), (D,), (texts, K, D)
    assert is_cheaper(D, C, 6 * 7)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


def plain(x: Tensor, weight: Tensor, bias: Tensor, text: Tensor) -> Tensor:
    return cosine_score_map(F.conv2d(x, weight, bias), text)


def with_gradients(way: object, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    leaves = [one.clone().requires_grad_() for one in inputs]
    scores = way(*leaves)
    upstream = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1))
    return scores.detach(), *torch.autograd.grad(scores, leaves, upstream.to(scores))


@pytest.fixture(params=[4, 128])
def blocks(request, monkeypatch):
    """Triangular matrices in blocks of 4 and a rest, and whole."""
    monkeypatch.setattr(projected_cosine, '_BLOCK', request.param)


@pytest.mark.usefixtures('blocks')
@pytest.mark.parametrize('texts', [1, 2])
@pytest.mark.parametrize('case', ['any', 'no bias', 'rank of 5', 'a channel without weights'])
def test_values_and_gradients_are_those_of_the_embedding(texts, case):
    x, weight, bias, text = some_input(texts)
    if case == 'no bias':
        bias.zero_()
    if case == 'rank of 5':
        weight[:, 5:] = weight[:, :1]
    if case == 'a channel without weights':
        weight[:, 3] = 0
    inputs = [x, weight, bias, text]
    found = with_gradients(projected_score_map, inputs)
    torch.testing.assert_close(found, with_gradients(plain, inputs), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('case', ['any', 'zeros', 'rank of 5', 'small', 'large'])
def test_the_factor_that_a_gpu_takes(case, monkeypatch):
    x, weight, bias, text = some_input(dtype=torch.float32)
    weight[:, 5:] *= case != 'rank of 5'
    scale = dict(zeros=0, small=1e-15, large=1e15).get(case, 1)
    inputs = [x, scale * weight, scale * bias, text]
    exact = with_gradients(plain, [one.double() for one in inputs])
    monkeypatch.setattr(projected_cosine, '_factor', projected_cosine._factor_of_product)
    found = with_gradients(projected_score_map, inputs)
    for one, other in zip(found, exact, strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max()


def test_the_embedding_is_made_where_that_is_cheaper(monkeypatch):
    assert is_cheaper(1024, 256, 128 * 128)  # RN50 at 512 x 512, strides 4, 8 and 16
    assert is_cheaper(1024, 512, 64 * 64)
    assert not is_cheaper(1024, 1024, 32 * 32)
    assert not is_cheaper(512, 768, 160 * 160)  # ViT-B/16
    assert not is_cheaper(1024, 256, 16 * 16)  # few positions
    monkeypatch.delattr(projected_cosine, '_ProjectedCosine')
    x, weight, bias, text = some_input()
    few = [x[:, :, :3, :3], weight, bias, text]
    assert torch.equal(projected_score_map(*few), plain(*few))


@pytest.mark.parametrize('channels', [1, 3, C])
def test_where_the_embedding_vanishes_it_is_bounded_and_its_gradient_finite(channels):
    """What is left of W x + b is rounding; that of the numerator is another one."""
    generator = torch.Generator().manual_seed(channels)
    steps = 1 + torch.linspace(-1e-6, 1e-6, 2 * 60 * 70).reshape(2, 1, 60, 70)
    for _ in range(20):
        shapes = (D, channels, 1, 1), (channels,), (1, K, D)
        weight, centre, text = (torch.randn(shape, generator=generator) for shape in shapes)
        bias = -(weight.flatten(1) @ centre)
        inputs = [centre[:, None, None] * steps, weight, bias, text]
        scores, *gradients = with_gradients(projected_score_map, inputs)
        assert scores.abs().max() < 1.2
        assert all(one.isfinite().all() for one in gradients)
    # A few steps further the direction is known again.
    far = [centre[:, None, None] * (1 + 100 * (steps - 1)), weight, bias, text]
    exact = plain(*(one.double() for one in far))
    assert (projected_score_map(*far) - exact).abs().quantile(0.9) < 0.05


@pytest.mark.parametrize('length', [0, 1e-14])
def test_embeddings_of_no_length_are_those_of_normalising(length):
    x, weight, _, text = some_input()
    inputs = [length * x, weight, torch.zeros(D).double(), text]
    found = with_gradients(projected_score_map, inputs)
    torch.testing.assert_close(found, with_gradients(plain, inputs))


def test_autocast_changes_nothing():
    inputs = some_input(dtype=torch.float32)
    expected = with_gradients(projected_score_map, inputs)

    def within(*leaves: Tensor) -> Tensor:
        with torch.autocast('cpu', torch.bfloat16):
            return projected_score_map(*leaves)

    found = with_gradients(within, inputs)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)
    rounded = [inputs[0].bfloat16(), *inputs[1:]]
    assert projected_score_map(*rounded).dtype == torch.float32


def test_only_what_is_trained_gets_a_gradient():
    inputs = some_input()
    scores, *expected = with_gradients(projected_score_map, inputs)
    upstream = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1)).to(scores)
    for place, gradient in enumerate(expected):
        leaves = [one.clone().requires_grad_(i == place) for i, one in enumerate(inputs)]
        (found,) = torch.autograd.grad(projected_score_map(*leaves), leaves[place], upstream)
        torch.testing.assert_close(found, gradient)
    assert not projected_score_map(*inputs).requires_grad


def test_weights_that_change_in_place_give_another_factor():
    weight = torch.randn(D, C)
    first = projected_cosine._factor(weight.clone())
    assert projected_cosine._factor(weight.clone()) is first
    weight.data[0, 0] += 1
    second = projected_cosine._factor(weight.clone())
    assert (second.T @ second - weight.T @ weight).abs().max() < 1e-4
