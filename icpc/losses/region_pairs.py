"""The (image, class) pairs that the align-guided contrastive loss is the mean over."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..alignment import class_area, region_means, unit_length


class RegionPairs(NamedTuple):
    """The R (image, class) pairs that take part."""

    image: Tensor  # (R,)
    label: Tensor  # (R,) class id
    text: Tensor  # (R, K, D) normalised texts of the pair's image
    region: Tensor  # (R, D) normalised mean embedding of the class's region
    pixels: Tensor  # (R, D, h * w) normalised embeddings of the pair's image
    area: Tensor  # (R, h * w) labelled area of the class in each cell
    labelled: Tensor  # (R, h * w) labelled area of any class

    @property
    def anchor(self) -> Tensor:
        """(R, D), the text of the pair's own class."""
        return self.text[torch.arange(self.label.shape[0], device=self.label.device), self.label]


def region_pairs(dense: Tensor, text: Tensor, labels: Tensor) -> RegionPairs:
    """The pairs of a batch.

    Args:
        dense: (B, D, h, w) embeddings.
        text: (B or 1, K, D) embeddings.
        labels: (B, H, W) class ids; ids outside [0, K) are ignored.
    """
    batch, num_classes = len(dense), text.shape[1]
    pixels = unit_length(dense, dim=1)
    text = unit_length(text, dim=2).expand(batch, -1, -1)
    area = class_area(labels, num_classes, dense.shape[2:])  # (B, K, h * w)
    means, present = region_means(pixels, area)
    image, label = pair_indices(present)
    return RegionPairs(
        image,
        label,
        text[image],
        unit_length(means[image, label], dim=1),
        pixels.flatten(2)[image],
        area[image, label],
        area.sum(dim=1)[image],
    )


def pair_indices(present: Tensor) -> tuple[Tensor, Tensor]:
    """(R,) images and (R,) classes of the pairs, for ``present`` (B, K).

    The one place where the loss asks the device for a number, R: with a row for each of the B x K
    pairs instead, absent ones masked, the same losses would be summed in another order.
    """
    return taking_part(present).nonzero(as_tuple=True)


def taking_part(present: Tensor) -> Tensor:
    """(B, K) bool: the classes that are ``present`` (B, K) in an image that has at least two."""
    return present & (present.sum(dim=1, keepdim=True) >= 2)
