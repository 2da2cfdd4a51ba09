"""The (image, class) pairs that the align-guided contrastive loss is the mean over."""

from typing import NamedTuple

from torch import Tensor

from ..alignment import class_area, region_means, unit_length


class Regions(NamedTuple):
    """A row for each of the B x K pairs, whether it takes part or not."""

    taking_part: Tensor  # (B, K) bool
    text: Tensor  # (B, K, D) normalised
    region: Tensor  # (B, K, D) normalised mean embedding of the class's region; zero where absent
    pixels: Tensor  # (B, D, h * w) normalised
    wrong: Tensor  # (B, K, h * w) bool: positions that are labelled, none of them with the class


def find_regions(dense: Tensor, text: Tensor, labels: Tensor) -> Regions:
    """The pairs of a batch.

    Args:
        dense: (B, D, h, w) embeddings.
        text: (B or 1, K, D) embeddings.
        labels: (B, H, W) class ids; ids outside [0, K) are ignored.
    """
    pixels = unit_length(dense, dim=1)
    text = unit_length(text, dim=2).expand(len(dense), -1, -1)
    area = class_area(labels, text.shape[1], dense.shape[2:])  # (B, K, h * w)
    means, present = region_means(pixels, area)
    wrong = (area == 0) & (area.sum(dim=1, keepdim=True) > 0)
    return Regions(taking_part(present), text, unit_length(means, dim=2), pixels.flatten(2), wrong)


def taking_part(present: Tensor) -> Tensor:
    """(B, K) bool: the classes that are ``present`` (B, K) in an image that has at least two."""
    return present & (present.sum(dim=1, keepdim=True) >= 2)
