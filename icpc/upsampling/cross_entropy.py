"""Bilinear upsampling and cross-entropy in one pass that never holds K full-size maps."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .cells import CellAxis, Tile, add_corners, cell_axis, corners, tiles

# Numbers of one tile, our choice: 4 MiB of float32 stay in a CPU's cache; 64 MiB keep a GPU busy.
_CPU_TILE, _GPU_TILE = 2**20, 2**24
_LEAST_SUM = 1e-30  # exponentials with a smaller sum may have lost digits


class UpsampledLoss(NamedTuple):
    """Scalars of :func:`upsampled_cross_entropy`."""

    loss: Tensor  # mean over the labelled pixels; zero where there are none
    accuracy: Tensor  # share of the labelled pixels whose own class scores highest, 0..1; detached


def upsampled_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = 255,
    scale: float = 1.0,
    with_accuracy: bool = True,
) -> UpsampledLoss:
    """Cross-entropy of logits upsampled bilinearly (``align_corners=False``) to the labels.

    The same as ``F.cross_entropy(F.interpolate(logits * scale, ...), labels)``, averaged over the
    labelled pixels, tile by tile: upsampling is one small matrix product per cell (the outputs
    between the same four inputs), then softmax, then the gradient is formed in place and pulled
    back to low resolution at once. Only the low-resolution gradient is kept for backward, so a
    second backward through the same loss raises. Computed in float32 (float64 for float64 logits)
    also under autocast, and the gradient stays so until it is multiplied by what comes from above.

    Args:
        logits: (B, K, h, w).
        labels: (B, H, W) class ids.
        ignore_index: label of pixels that do not count.
        scale: factor of the logits, such as 1 / temperature.
        with_accuracy: False saves a pass over the pixels, and the accuracy is 0.

    Returns:
        The loss and the pixel accuracy, in which a tie counts as right.
    """
    options = ignore_index, scale, with_accuracy
    return UpsampledLoss(*_UpsampledCrossEntropy.apply(logits, labels, *options))


class _UpsampledCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
        with torch.autocast(logits.device.type, enabled=False):
            loss, accuracy, gradient = _forward(
                logits.detach(), labels, *options, ctx.needs_input_grad[0]
            )
        ctx.gradient, ctx.dtype = gradient, logits.dtype
        ctx.mark_non_differentiable(accuracy)
        return loss, accuracy

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.gradient is None:
            raise RuntimeError(
                'upsampled_cross_entropy keeps its gradient for one backward only; compute the '
                'loss again instead of calling backward twice'
            )
        gradient, ctx.gradient = ctx.gradient, None
        # Under fp16 ``grad_loss`` brings the loss scale, without which most entries are below what
        # half precision can hold.
        return gradient.mul_(grad_loss).to(ctx.dtype), None, None, None, None


def _forward(
    logits: Tensor,
    labels: Tensor,
    ignore_index: int,
    scale: float,
    with_accuracy: bool,
    with_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    batch, classes, height, width = logits.shape
    rows = cell_axis(height, labels.shape[1], dtype, logits.device)
    columns = cell_axis(width, labels.shape[2], dtype, logits.device)
    slots = rows.outputs.shape[1] * columns.outputs.shape[1]
    count = (labels != ignore_index).sum().clamp(min=1)
    loss, hits = (torch.zeros((), dtype=torch.float64, device=logits.device) for _ in range(2))
    gradient = torch.zeros_like(logits, dtype=dtype) if with_gradient else None
    budget = _CPU_TILE if logits.device.type == 'cpu' else _GPU_TILE
    # Fresh memory for every tile would cost more in page faults than the arithmetic.
    buffer = logits.new_empty(max(budget, slots * classes), dtype=dtype)
    for tile in tiles(batch, height + 1, width + 1, slots * classes, budget):
        weights = _tile_weights(rows, columns, tile)  # (cells, S, 4)
        ids = _tile_labels(labels, rows, columns, tile, ignore_index)  # (cells, S)
        valid = ids != ignore_index
        size = *ids.shape, classes
        upsampled = buffer[: math.prod(size)].view(size)
        inputs = corners(logits, tile).to(dtype).mul_(scale)
        index = ids.where(valid, 0)[:, :, None]
        sums, own, right = _sums(weights, inputs, index, upsampled, with_accuracy)
        loss += (sums.log() - own).squeeze(2).where(valid, 0).sum(dtype=torch.float64)
        hits += (right & valid).sum()
        if gradient is not None:
            slope = upsampled.scatter_add_(2, index, -sums)  # sums x (probability - one-hot)
            share = valid.to(dtype).mul_(scale).div_(count)[:, :, None] / sums  # (cells, S, 1)
            add_corners(gradient, torch.bmm((weights * share).transpose(1, 2), slope), tile)
    return (loss / count).to(dtype), (hits / count).to(dtype), gradient


def _sums(
    weights: Tensor, inputs: Tensor, index: Tensor, out: Tensor, with_accuracy: bool
) -> tuple[Tensor, Tensor, Tensor | bool]:
    """Upsamples a tile, and leaves in ``out`` (cells, S, K) the exponentials of its logits.

    All logits of a pixel are lowered by the same number. The largest input of the cell does, unless
    a pixel is so far below it that nothing would be left: then each pixel's own best logit is
    taken, and so on a GPU, which cannot be asked.

    Args:
        weights: (cells, S, 4).
        inputs: (cells, 4, K), changed.
        index: (cells, S, 1), the class of each output.

    Returns:
        the exponentials' sums and the lowered logit of the own class, both (cells, S, 1), and
        whether that is the best one (cells, S), with ``with_accuracy``.
    """
    inputs -= inputs.amax(dim=(1, 2), keepdim=True)
    torch.bmm(weights, inputs, out=out)
    own, right = out.gather(2, index), False
    if with_accuracy:
        right = (own == out.amax(dim=2, keepdim=True)).squeeze(2)
    if out.device.type == 'cpu':
        sums = out.exp_().sum(dim=2, keepdim=True)
        if not sums.amin() < _LEAST_SUM:
            return sums, own, right
        torch.bmm(weights, inputs, out=out)
    best = out.amax(dim=2, keepdim=True)
    return out.sub_(best).exp_().sum(dim=2, keepdim=True), own - best, right


def _tile_weights(rows: CellAxis, columns: CellAxis, tile: Tile) -> Tensor:
    """(nb * nr * nc, S, 4): what each output of a cell takes of the cell's four corners."""
    vertical, horizontal = rows.weights[tile.rows], columns.weights[tile.columns]
    product = torch.einsum('rsi,ctj->rcstij', vertical, horizontal)
    product = product.flatten(4, 5).flatten(2, 3).flatten(0, 1)  # (nr * nc, S, 4)
    return product.repeat(tile.images.stop - tile.images.start, 1, 1)


def _tile_labels(
    labels: Tensor, rows: CellAxis, columns: CellAxis, tile: Tile, ignore_index: int
) -> Tensor:
    """(nb * nr * nc, S) labels of the outputs of each cell; ``ignore_index`` in unused places."""
    vertical, horizontal = rows.outputs[tile.rows], columns.outputs[tile.columns]
    row, column = vertical[:, None, :, None], horizontal[None, :, None, :]  # (nr, nc, sr, sc)
    ids = labels[tile.images, row.clamp(min=0), column.clamp(min=0)]  # (nb, nr, nc, sr, sc)
    ids = ids.where((row >= 0) & (column >= 0), ignore_index)
    return ids.flatten(3, 4).flatten(0, 2).long()
