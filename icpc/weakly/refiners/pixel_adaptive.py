"""Pixel-adaptive refinement: maps flow to neighbours that look alike."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_PLACES = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def pixel_adaptive(
    image: Tensor, maps: Tensor, iterations: int = 10, dilations: Sequence[int] = (1, 2, 4, 8)
) -> Tensor:
    """PAMR (Araslanov and Roth, CVPR 2020, section 3.3): each step averages maps over neighbours.

    The weight of a neighbour is the softmax, over the 8 places at each dilation, of the mean over
    the channels of -|difference| / (0.1 sigma), sigma being the standard deviation of the pixel's
    neighbourhood.

    Args:
        image: (3, H, W) of any unit.
        maps: (k, H, W).
        iterations: Steps (PAMR: 10).
        dilations: Distances of the neighbours in pixels (PAMR: 1, 2, 4, 8, 12, 24; fewer are for
            small pictures).

    Returns:
        (k, H, W), each within the range of its map.
    """
    if not len(maps):
        return maps
    near = _neighbours(image[None].float(), dilations)  # (1, 3, n, H, W)
    # Araslanov's: the deviation of all places, the pixel's own among them once for each dilation.
    every = torch.cat(
        [near, image[None, :, None].float().expand(-1, -1, len(dilations), -1, -1)], 2
    )
    sigma = every.std(dim=2, keepdim=True)
    distance = (image[None, :, None] - near).abs() / (1e-8 + 0.1 * sigma)
    weights = (-distance).mean(dim=1, keepdim=True).softmax(dim=2)  # (1, 1, n, H, W)
    refined = maps[None]
    for _ in range(iterations):
        refined = (_neighbours(refined, dilations) * weights).sum(dim=2)
    return refined[0]


def _neighbours(values: Tensor, dilations: Sequence[int]) -> Tensor:
    """(B, C, n, H, W), the 8 neighbours at each dilation of (B, C, H, W), edges repeated."""
    height, width = values.shape[-2:]
    found = []
    for step in dilations:
        padded = F.pad(values, [step] * 4, mode='replicate')
        found += [
            padded[..., step + y * step :, step + x * step :][..., :height, :width]
            for y, x in _PLACES
        ]
    return torch.stack(found, dim=2)
