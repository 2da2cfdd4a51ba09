"""Confusion counts of one picture."""

import numpy as np
import torch
from torch import Tensor

IGNORED = 255
_MOST_BINS = 2**20  # counted at once; beyond that, ids outside the classes are mapped first


def confusion(prediction: Tensor, label: Tensor, classes: int, ignore_index: int) -> Tensor:
    """Count (truth, prediction) pairs with one bincount.

    Args:
        prediction: (H, W) class ids; they and the labels fit into 32 bits.
        label: (H, W) class ids or `ignore_index`.
        classes: K.
        ignore_index: Label that goes to row K.

    Returns:
        (K + 2, K + 1) int64; row K are ignored pixels, row K + 1 labels and column K predictions
        outside the classes.
    """
    # 32 bits are checked and counted in two thirds of the time that 64 take.
    pairs = prediction.to(torch.int32, copy=True)
    label = label.to(pairs.device, torch.int32)
    low, high = label.aminmax()
    if low < 0 or int(high) * (classes + 1) > _MOST_BINS:
        outside = (label < 0) | (label >= classes) & (label != ignore_index)
        label = label.masked_fill(label == ignore_index, classes).masked_fill(outside, classes + 1)
        high, ignore_index = classes + 1, classes
    if pairs.amax() > classes:
        pairs.clamp_(max=classes)
    # Ignored labels are counted in a row of their own, which costs less than taking them out.
    rows = int(high) + 1
    pairs.add_(label, alpha=classes + 1)
    counts = torch.bincount(pairs.flatten(), minlength=rows * (classes + 1)).view(rows, -1)
    return _fold(counts, classes, ignore_index)


def _fold(counts: Tensor, classes: int, ignore_index: int) -> Tensor:
    """(rows, K + 1) counts of every label -> (K + 2, K + 1): classes, ignored, outside."""
    folded = counts.new_zeros(classes + 2, classes + 1)
    inside = min(len(counts), classes)
    folded[:inside] = counts[:inside]
    folded[classes + 1] = counts[classes:].sum(dim=0)
    if ignore_index < len(counts):
        folded[classes] = counts[ignore_index]
        folded[ignore_index if ignore_index < classes else classes + 1] -= counts[ignore_index]
    return folded


def of_background(masks: Tensor, unlabelled: int = IGNORED) -> Tensor:
    """Masks whose unlabelled pixels are background, 0: how CLIMS' pseudo masks are scored.

    Args:
        masks: Class ids of any shape.
        unlabelled: Id of pixels that no training on these masks would read.
    """
    return masks.masked_fill(masks == unlabelled, 0)


def intersection_over_union(
    predictions: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """IoU of each class in per cent over all pixels together; nan where a class never occurs.

    Args:
        predictions: (N, H, W) integers.
        labels: (N, H, W) uint8, IGNORED where there is no truth.
        num_classes: K.

    Returns:
        (K,) float64.
    """
    valid = labels != IGNORED
    joint = labels[valid].astype(np.int64) * num_classes + predictions[valid]
    confusion = np.bincount(joint, minlength=num_classes**2).reshape(num_classes, num_classes)
    hits = np.diag(confusion).astype(np.float64)
    union = confusion.sum(0) + confusion.sum(1) - hits
    return np.where(union > 0, 100.0 * hits / np.maximum(union, 1.0), np.nan)
