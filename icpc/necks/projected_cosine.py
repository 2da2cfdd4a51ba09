"""Cosines of positions with text in the joint space, without the positions' embeddings there."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..alignment import (
    LEAST_LENGTH,
    at_least_float32,
    cosine_score_map,
    cosine_slopes,
    squared_lengths,
    unit_length,
    without_autocast,
)
from ..tracing.exporting import is_exporting

_LAST_FACTORS: dict[tuple, tuple[Tensor, Tensor]] = {}  # of a few shapes: the levels of models
_BLOCK = 128  # channels of a triangular matrix that are multiplied together, our choice


def projected_score_map(features: Tensor, weight: Tensor, bias: Tensor, text: Tensor) -> Tensor:
    """``cosine_score_map(W x + b, text)`` of a 1 x 1 convolution, by the cheaper of two ways.

    The embedding W x + b has D channels at every position. Where C is below D, two products with x
    itself do: of the K rows t W for the numerator (t W) x + t b, and of the triangular factor R of
    W = Q R for the length, since |W x + b|^2 = |R x + Q^T b|^2 + |b - Q Q^T b|^2. That is exact,
    and safe where the embedding is near zero: nothing is subtracted. Float32 under autocast,
    float64 for float64 features.

    Args:
        features: x, (B, C, h, w).
        weight: W, (D, C, 1, 1).
        bias: b, (D,).
        text: (B or 1, K, D), any length.

    Returns:
        (B, K, h, w) in [-1, 1], but for rounding.
    """
    positions = features.shape[2] * features.shape[3]
    if is_exporting() or not is_cheaper(*weight.shape[:2], positions):
        return cosine_score_map(torch.nn.functional.conv2d(features, weight, bias), text)
    with without_autocast(features.device):
        x, weight, bias = map(at_least_float32, (features.flatten(2), weight.flatten(1), bias))
        text = unit_length(text, dim=-1)
        rows = (text @ weight).expand(len(x), -1, -1)  # (B, K, C)
        offsets = (text @ bias)[:, :, None].expand(len(x), -1, 1)  # (B, K, 1)
        scores = _ProjectedCosine.apply(x, rows, offsets, weight, bias)
    return scores.unflatten(2, features.shape[2:])


def is_cheaper(embed_dim: int, channels: int, positions: int) -> bool:
    """Whether the embedding is left out: what that saves is more than the factor of W costs.

    Of B x P x (C + K) products with D each only C remain; the factor and the rows t W take C + K
    products of D x C. The number of pictures and of classes does not decide.
    """
    return positions * (embed_dim - channels) > embed_dim * channels


class _ProjectedCosine(torch.autograd.Function):
    """(B, K, P) cosines from x (B, C, P), t W (B, K, C), t b (B, K, 1), W (D, C) and b (D,)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, rows: Tensor, offsets: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        factor = _factor(torch.cat([weight, bias[:, None]], dim=1))
        triangle, shift, rest = factor[:-1, :-1], factor[:-1, -1:], factor[-1, -1]
        shape = _upper_product(triangle, x).add_(shift)  # (B, C, P), as long as W x + b
        length = squared_lengths(shape).add_(rest.square()).sqrt_()  # (B, 1, P)
        # Below what rounding leaves of W x + b the direction is noise, and stays bounded.
        size = squared_lengths(x).sqrt_().mul_(torch.linalg.vector_norm(weight))
        size = size.add_(torch.linalg.vector_norm(bias)).mul_(torch.finfo(x.dtype).eps)
        least = size.clamp_(min=LEAST_LENGTH)
        inverse = torch.maximum(length, least).reciprocal_()  # (B, 1, P)
        scores = torch.baddbmm(offsets, rows, x).mul_(inverse)
        of_length = inverse.where(length > least, 0)  # no gradient where the least counts
        ctx.save_for_backward(x, rows, weight, bias, triangle, shape, inverse, of_length, scores)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, rows, weight, bias, triangle, shape, inverse, of_length, scores = ctx.saved_tensors
        with without_autocast(x.device):
            slope, share = cosine_slopes(grad, scores, inverse, of_length)
            grad_rows = slope @ x.transpose(1, 2)
            grad_x = None
            if ctx.needs_input_grad[0]:
                grad_x = _lower_product(triangle, shape * share)
                grad_x = grad_x.baddbmm_(rows.transpose(1, 2), slope)
            grad_weight = grad_bias = None
            if ctx.needs_input_grad[3] or ctx.needs_input_grad[4]:
                weighted = x * share
                first = weighted.sum(dim=(0, 2))  # (C,)
                second = _symmetric_product(weighted, x)  # (C, C)
                grad_weight = torch.addmm(bias[:, None] * first, weight, second)
                grad_bias = torch.addmv(bias * share.sum(), weight, first)
        return grad_x, grad_rows, slope.sum(dim=2, keepdim=True), grad_weight, grad_bias


def _factor(matrix: Tensor) -> Tensor:
    """An upper triangular R (C, C) with R^T R = M^T M for M (D, C), D at least C.

    On a CPU the last factor of each shape is kept for the next prediction or pass, whose weights
    are the same: they are compared, which takes a hundredth of the time.
    """
    if matrix.device.type == 'cpu' and type(matrix) is Tensor and not torch.compiler.is_compiling():
        shape = tuple(matrix.shape), matrix.dtype
        known, factor = _LAST_FACTORS.get(shape, (None, None))
        if known is None or not torch.equal(known, matrix):
            factor = torch.linalg.qr(matrix, mode='r').R
            _LAST_FACTORS[shape] = matrix, factor
        return factor
    if matrix.dtype == torch.float64 or matrix.device.type == 'cpu':
        return torch.linalg.qr(matrix, mode='r').R
    return _factor_of_product(matrix)


def _factor_of_product(matrix: Tensor) -> Tensor:
    """The same for float32 by way of M^T M in float64, for which a GPU takes less time.

    Float64's rounding is below float32's own here; the diagonal is raised by it, so that there is a
    factor whatever the rank, and nobody has to ask whether it was found.
    """
    exact = matrix.double()
    product = exact.T @ exact
    numbers = torch.finfo(torch.float64)
    product.diagonal().add_(4 * numbers.eps * product.trace() + numbers.tiny)
    return torch.linalg.cholesky_ex(product, upper=True).L.to(matrix.dtype)


def _blocks(channels: int) -> Iterator[slice]:
    """Slices of channels, all but the last one of the same length."""
    for start in range(0, channels, _BLOCK):
        yield slice(start, min(start + _BLOCK, channels))


def _upper_product(triangle: Tensor, x: Tensor) -> Tensor:
    """R x (B, C, P) for an upper triangular R (C, C), without most of its zeros."""
    result = torch.empty_like(x)
    for rows in _blocks(len(triangle)):
        torch.matmul(triangle[rows, rows.start :], x[:, rows.start :], out=result[:, rows])
    return result


def _lower_product(triangle: Tensor, x: Tensor) -> Tensor:
    """R^T x (B, C, P) for an upper triangular R (C, C), without most of its zeros."""
    result = torch.empty_like(x)
    for rows in _blocks(len(triangle)):
        torch.matmul(triangle[: rows.stop, rows].T, x[:, : rows.stop], out=result[:, rows])
    return result


def _symmetric_product(a: Tensor, b: Tensor) -> Tensor:
    """The sum over pictures of a b^T (C, C), which is symmetric, from its blocks below."""
    result = a.new_empty(a.shape[1], a.shape[1])
    for rows in _blocks(len(result)):
        block = (a[:, rows] @ b[:, : rows.stop].transpose(1, 2)).sum(dim=0)
        result[rows, : rows.stop] = block
        result[: rows.start, rows] = block[:, : rows.start].T
    return result
