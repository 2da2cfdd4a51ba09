"""Pure functions that compare pictures with text, position by position."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .tracing.exporting import is_exporting

LEAST_LENGTH = 1e-12  # as in F.normalize
_CHANNELS = 32  # of which a core's cache holds a row of positions, our choice


def unit_length(embeddings: Tensor, dim: int) -> Tensor:
    """Embeddings of length one, in float32 whatever the autocast (float64 stays).

    In half precision the least length that normalising divides by is rounded to zero, so that an
    embedding of zeros would become NaN, and a cosine keeps three digits at most.

    Args:
        embeddings: of any shape and any length along ``dim``.
        dim: the dimension that holds an embedding.
    """
    with without_autocast(embeddings.device):
        return F.normalize(at_least_float32(embeddings), dim=dim)


def without_autocast(device: torch.device) -> AbstractContextManager:
    """A block that computes in the types of its inputs; meta tensors know no autocast."""
    if torch.amp.is_autocast_available(device.type) and not is_exporting():
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def at_least_float32(values: Tensor) -> Tensor:
    """The values in float32; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()


def cosine_score_map(dense: Tensor, text: Tensor) -> Tensor:
    """The pixel-text score map: cosine of every position with every class (DenseCLIP, eq. 4).

    Computed in float32 (float64 for float64 embeddings) also under autocast: the losses divide it
    by a temperature of some hundredths.

    Args:
        dense: (B, D, h, w) embeddings, any length.
        text: (B, K, D) or (1, K, D) embeddings, any length.

    Returns:
        (B, K, h, w) in [-1, 1].
    """
    classes = unit_length(text, dim=-1).expand(dense.shape[0], -1, -1)  # (B, K, D)
    if is_exporting():
        scores = classes @ unit_length(dense.flatten(2), dim=1)
        return scores.unflatten(2, dense.shape[2:])
    with without_autocast(dense.device):
        scores = _Cosine.apply(at_least_float32(dense.flatten(2)), classes)
    return scores.unflatten(2, dense.shape[2:])


class _Cosine(torch.autograd.Function):
    """(B, K, P) products of classes (B, K, D) with x (B, D, P), each over the length of its x.

    What is divided are K numbers of a position, not D, and only they are kept beside x.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, classes: Tensor) -> Tensor:
        length = squared_lengths(x).sqrt_()
        inverse = length.clamp(min=LEAST_LENGTH).reciprocal_()  # (B, 1, P)
        scores = (classes @ x).mul_(inverse)
        # No gradient of a length that does not count.
        ctx.save_for_backward(x, classes, inverse, inverse.where(length > LEAST_LENGTH, 0), scores)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, classes, inverse, of_length, scores = ctx.saved_tensors
        with without_autocast(x.device):
            slope, share = cosine_slopes(grad, scores, inverse, of_length)
            grad_x = None
            if ctx.needs_input_grad[0]:
                grad_x = (x * share).baddbmm_(classes.transpose(1, 2), slope)
            return grad_x, slope @ x.transpose(1, 2)


def cosine_slopes(
    grad: Tensor, scores: Tensor, inverse: Tensor, of_length: Tensor
) -> tuple[Tensor, Tensor]:
    """How a loss changes with the numerators of cosines, and with what they are divided by.

    Args:
        grad: (B, K, P) of the cosines.
        scores: (B, K, P), the cosines.
        inverse: (B, 1, P), what the numerators were multiplied by.
        of_length: the same, but zero where the length did not count.

    Returns:
        (B, K, P), the gradient of the numerators, and (B, 1, P), the share of the vector whose
        length it is: d scores / d length = -scores / length, d length / d vector = vector / length.
    """
    share = (grad * scores).sum(dim=1, keepdim=True).mul_(-inverse).mul_(of_length)
    return grad * inverse, share


def squared_lengths(x: Tensor) -> Tensor:
    """(B, 1, P), the squared length of every position of x (B, C, P), in one reading of x."""
    total = x.new_zeros(len(x), 1, x.shape[2])
    for channels in x.split(_CHANNELS, dim=1):
        total += channels.square().sum(dim=1, keepdim=True)
    return total


def class_area(labels: Tensor, num_classes: int, size: tuple[int, int]) -> Tensor:
    """How many labelled pixels of each class fall into each cell of a coarser grid.

    Args:
        labels: (B, H, W) integers; ids outside [0, num_classes) are ignored.
        num_classes: K.
        size: (h, w) of the grid.

    Returns:
        (B, K, h * w) float pixel counts.
    """
    batch, height, width = labels.shape
    rows = torch.arange(height, device=labels.device) * size[0] // height
    columns = torch.arange(width, device=labels.device) * size[1] // width
    cells = size[0] * size[1]
    cell = rows[:, None] * size[1] + columns  # (H, W)
    image = torch.arange(batch, device=labels.device)[:, None, None]
    known = (labels >= 0) & (labels < num_classes)
    slots = batch * num_classes * cells  # and one more for all that is ignored
    index = ((image * num_classes + labels) * cells + cell).where(known, slots).flatten()
    counts = torch.zeros(slots + 1, dtype=torch.long, device=labels.device)
    counts.scatter_add_(0, index, torch.ones_like(index))
    return counts[:-1].reshape(batch, num_classes, cells).float()


def region_means(dense: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """Mean embedding of each class's region, every position weighted by its labelled area.

    Args:
        dense: (B, D, h, w) embeddings; usually normalised.
        area: (B, K, h * w) non-negative weights, see :func:`class_area`.

    Returns:
        means (B, K, D), zero for absent classes, and present (B, K) bool.
    """
    total = area.sum(dim=2, keepdim=True)  # (B, K, 1)
    weights = (area / total.clamp(min=1)).to(dense.dtype)
    return weights @ dense.flatten(2).transpose(1, 2), total.squeeze(2) > 0
