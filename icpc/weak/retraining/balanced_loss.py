"""Cross-entropy whose two halves are the background and all classes of the foreground."""

from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional as F


def halves(labels: Tensor, ignore_index: int = 255) -> tuple[Tensor, Tensor]:
    """Which pixels are background, and which are of a class; ignored ones are neither.

    Args:
        labels: ids of any shape, 0 the background.
        ignore_index: label that does not count.
    """
    counts = labels != ignore_index
    return (labels == 0) & counts, (labels != 0) & counts


def mean_cross_entropy(logits: Tensor, labels: Tensor, chosen: Tensor) -> Tensor:
    """The mean cross-entropy over the chosen pixels, a scalar; 0 where none is chosen.

    Args:
        logits: (B, K, h, w).
        labels: (B, h, w) ids; those of pixels that are not chosen may be any.
        chosen: (B, h, w) of bool.
    """
    each = F.cross_entropy(logits, labels.where(chosen, 0).long(), reduction='none')
    return (each * chosen).sum() / chosen.sum().clamp(min=1)


def nearest(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Labels (..., H, W) at another size (..., h, w), to the same pixels as PIL's nearest.

    Args:
        labels: ids.
        size: (h, w).
    """
    height, width = (
        torch.tensor(_places(*sides), device=labels.device)
        for sides in zip(labels.shape[-2:], size, strict=True)
    )
    return labels[..., height[:, None], width]


def _places(before: int, after: int) -> list[int]:
    """PIL adds up the steps as floats, which decides where one ends between two pixels."""
    step = before / after
    return [min(int(at), before - 1) for at in accumulate([step] * (after - 1), initial=step / 2)]
