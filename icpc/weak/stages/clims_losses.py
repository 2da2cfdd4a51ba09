"""The four losses of CLIMS (Xie et al., CVPR 2022) as functions of maps and similarities."""

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST, MOST = 1e-4, 0.9999  # CLIMS: the similarities of OTM and BTM are clamped to these


def masked_pictures(
    images: Tensor, maps: Tensor, pairs: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """What CLIP looks at: each pair's picture times its map, and times the rest.

    Args:
        images: (N, 3, H, W), normalised, so that what is masked becomes the mean colour.
        maps: (N, K, h, w) in 0..1.
        pairs: (M, 2) of picture and class.
        size: side of CLIP's pictures; the ratio of the sides is not kept.

    Returns:
        Foregrounds and backgrounds (M, 3, size, size).
    """
    images, maps = (
        F.interpolate(one, (size, size), mode='bilinear', align_corners=True)
        for one in (images, maps)
    )
    images, maps = images[pairs[:, 0]], maps[pairs[:, 0], pairs[:, 1]][:, None]
    return maps * images, (1 - maps) * images


def object_text_matching(similarity: Tensor) -> Tensor:
    """OTM, the mean of -log of the foregrounds' cosines (M,) with the texts of their classes."""
    return -similarity.clamp(LEAST, MOST).log().mean()


def background_text_matching(similarity: Tensor) -> Tensor:
    """BTM, the mean of -log(1 - s) of the backgrounds' cosines (M,) with the same texts."""
    return -(1 - similarity.clamp(LEAST, MOST)).log().mean()


def background_suppression(similarity: Tensor, threshold: float) -> Tensor:
    """CBS, the **sum** of -log(1 - s) over foregrounds and phrases with s above a threshold.

    Args:
        similarity: (M, B) cosines of foregrounds and phrases of backgrounds.
        threshold: those below do not count.
    """
    return -torch.where(similarity > threshold, (1 - similarity).log(), 0.0).sum()


def area(maps: Tensor) -> Tensor:
    """REG, the mean of all maps (N, K, h, w), of absent classes, too."""
    return maps.mean()
