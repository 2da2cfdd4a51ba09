"""A dense CRF on class activation maps."""

import torch
from torch import Tensor

from ...weak.dense_crf import CRF, SEED_CRF, dense_crf, energies_of_probabilities


def crf_maps(
    image: Tensor,
    maps: Tensor,
    background: float = 0.2,
    iterations: int = SEED_CRF.iterations,
    gaussian_weight: float = SEED_CRF.gaussian_weight,
    gaussian_xy: float = SEED_CRF.gaussian_xy,
    bilateral_weight: float = SEED_CRF.bilateral_weight,
    bilateral_xy: float = SEED_CRF.bilateral_xy,
    bilateral_rgb: float = SEED_CRF.bilateral_rgb,
) -> Tensor:
    """Probabilities of the classes, from maps beside a background that is the same everywhere.

    Args:
        image: (3, H, W) RGB in 0..255.
        maps: (k, H, W) in 0..1.
        background: What the background has at each pixel, as a map.
        iterations, gaussian_weight, gaussian_xy, bilateral_weight, bilateral_xy, bilateral_rgb:
            Of :class:`CRF`; by default IRN's, of seeds.

    Returns:
        (k, H, W) in 0..1; they and the background's sum up to 1.
    """
    if not 0 < background < 1:
        raise ValueError(f'background must lie in 0..1, got {background}')
    if not len(maps):
        return maps
    scores = torch.cat([torch.full_like(maps[:1], background), maps])
    settings = CRF(
        iterations, gaussian_weight, gaussian_xy, bilateral_weight, bilateral_xy, bilateral_rgb
    )
    energies = energies_of_probabilities(scores / scores.sum(dim=0))
    return dense_crf(image.permute(1, 2, 0), energies, settings)[1:]
