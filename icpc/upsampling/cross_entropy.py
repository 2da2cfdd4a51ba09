"""Bilinear upsampling and cross-entropy in one pass that never holds K full-size maps."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .cells import CellAxis, Tile, add_corners, cell_axis, corners, tiles

# Numbers of one tile, our choice: 4 MiB of float32 stay in a CPU's cache; 64 MiB keep a GPU busy.
_CPU_TILE, _GPU_TILE = 2**20, 2**24


class UpsampledLoss(NamedTuple):
    """Scalars of :func:`upsampled_cross_entropy`."""

    loss: Tensor  # mean over the labelled pixels; zero where there are none
    accuracy: Tensor  # share of the labelled pixels whose own class scores highest, 0..1; detached


def upsampled_cross_entropy(
    logits: Tensor, labels: Tensor, ignore_index: int = 255, scale: float = 1.0
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

    Returns:
        The loss and the pixel accuracy, in which a tie counts as right.
    """
    return UpsampledLoss(*_UpsampledCrossEntropy.apply(logits, labels, ignore_index, scale))


class _UpsampledCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, ignore_index: int, scale: float
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(logits.device.type, enabled=False):
            loss, accuracy, gradient = _forward(
                logits.detach(), labels, ignore_index, scale, ctx.needs_input_grad[0]
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
        return gradient.mul_(grad_loss).to(ctx.dtype), None, None, None


def _forward(
    logits: Tensor, labels: Tensor, ignore_index: int, scale: float, with_gradient: bool
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
    buffers = logits.new_empty(2, max(budget, slots * classes), dtype=dtype)
    for tile in tiles(batch, height + 1, width + 1, slots * classes, budget):
        weights = _tile_weights(rows, columns, tile)  # (cells, S, 4)
        ids = _tile_labels(labels, rows, columns, tile, ignore_index)  # (cells, S)
        valid = ids != ignore_index
        size = *ids.shape, classes
        upsampled, probability = (buffer[: math.prod(size)].view(size) for buffer in buffers)
        torch.bmm(weights, corners(logits, tile).to(dtype).mul_(scale), out=upsampled)
        losses, right, slope = _softmax_cross_entropy(upsampled, ids.where(valid, 0), probability)
        loss += losses.where(valid, 0).sum(dtype=torch.float64)
        hits += (right & valid).sum()
        if gradient is not None:
            share = valid.to(dtype).mul_(scale).div_(count)  # (cells, S)
            back = weights.mul_(share[:, :, None]).transpose(1, 2)
            add_corners(gradient, torch.bmm(back, slope), tile)
    return (loss / count).to(dtype), (hits / count).to(dtype), gradient


def _softmax_cross_entropy(
    logits: Tensor, labels: Tensor, out: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses (cells, S), hits (cells, S) and, in ``out``, d loss / d logits (cells, S, K)."""
    own = logits.gather(2, labels[:, :, None])  # (cells, S, 1)
    best = logits.amax(dim=2, keepdim=True)
    probability = torch.softmax(logits, dim=2, out=out)
    # The best class has at least probability 1 / K: its logarithm is exact, others' may not be.
    log_sum = best - probability.amax(dim=2, keepdim=True).log()
    slope = probability.scatter_add_(2, labels[:, :, None], -torch.ones_like(own))
    return (log_sum - own).squeeze(2), (own == best).squeeze(2), slope


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
