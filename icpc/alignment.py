"""Pure functions that compare pictures with text, position by position."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F


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
    if torch.amp.is_autocast_available(device.type):
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
    batch, width, height, columns = dense.shape
    pixels = unit_length(dense.flatten(2), dim=1)  # (B, D, h * w)
    classes = unit_length(text, dim=-1).expand(batch, -1, -1)  # (B, K, D)
    with without_autocast(dense.device):
        scores = classes @ pixels
    return scores.reshape(batch, text.shape[1], height, columns)


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
