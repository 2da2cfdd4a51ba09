"""Dense conditional random fields: masks that follow the colours of the picture."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .lattice import Lattice
from .published_softmax import published_softmax


class CRF(NamedTuple):
    """Settings of a dense CRF.

    Attributes:
        iterations: Of the mean field.
        gaussian_weight, gaussian_xy: Of the smoothness; deviation in pixels.
        bilateral_weight, bilateral_xy, bilateral_rgb: Of the appearance; deviations in pixels and
            in steps of 0 .. 255.
    """

    iterations: int = 10
    gaussian_weight: float = 3
    gaussian_xy: float = 1
    bilateral_weight: float = 4
    bilateral_xy: float = 67
    bilateral_rgb: float = 3


TEST_CRF = CRF()  # DeepLabV2's, after retraining
SEED_CRF = CRF(10, 3, 3, 10, 50, 5)  # IRN's, of seeds


class Dense:
    """The exact Gaussian over all pairs of points, for small pictures and tests.

    Args:
        features: (P, d), each divided by its deviation.
    """

    def __init__(self, features: Tensor) -> None:
        self._kernel = (-0.5 * torch.cdist(features, features).square()).exp()

    def filter(self, values: Tensor) -> Tensor:
        """Sums over all points weighted by the Gaussian, (P, C)."""
        return self._kernel @ values


def dense_crf(
    picture: Tensor, energies: Tensor, crf: CRF = TEST_CRF, kernel: type = Lattice
) -> Tensor:
    """Probabilities (C, H, W) after the mean field of a dense CRF.

    Args:
        picture: uint8 (H, W, 3), RGB.
        energies: (C, H, W), minus the logarithm of what is believed before.
        crf: Its settings.
        kernel: :class:`Lattice`, as published, or :class:`Dense`, exact, whose memory grows with
            the square of the pixels.
    """
    height, width = energies.shape[1:]
    y, x = torch.meshgrid(
        *(torch.arange(side, device=energies.device) for side in (height, width)), indexing='ij'
    )
    place = torch.stack([x, y], -1).flatten(0, 1).to(energies)
    colour = picture.flatten(0, 1).to(energies)
    features = (
        (crf.gaussian_weight, place / crf.gaussian_xy),
        (
            crf.bilateral_weight,
            torch.cat([place / crf.bilateral_xy, colour / crf.bilateral_rgb], 1),
        ),
    )
    terms = []
    for weight, points in features:
        gaussian = kernel(points)
        sums = gaussian.filter(torch.ones_like(points[:, :1]))
        norm = (1 / (sums.double() + 1e-20).sqrt()).to(sums)
        terms.append((weight, gaussian, norm))
    unary = -energies.flatten(1).T
    belief = published_softmax(unary)
    for _ in range(crf.iterations):
        scores = unary
        for weight, gaussian, norm in terms:
            scores = scores + weight * (norm * gaussian.filter(norm * belief))
        belief = published_softmax(scores)
    return belief.T.reshape(energies.shape)


def energies_of_probabilities(probabilities: Tensor) -> Tensor:
    """Energies of soft predictions (C, H, W)."""
    kept = probabilities.clamp(min=1e-5)
    if kept.is_cuda or kept.dtype != torch.float32:
        return -kept.log()
    return -torch.from_numpy(np.log(kept.detach().numpy()))  # whose last bit is the published one


def energies_of_labels(labels: Tensor, count: int, confidence: float = 0.7) -> Tensor:
    """Energies (count, H, W) of hard labels that are believed to be right so often.

    Args:
        labels: (H, W) in 0 .. count - 1.
        count: C, at least 2.
        confidence: Between 0 and 1.
    """
    other = -math.log((1 - confidence) / (count - 1))
    energies = torch.full((count, *labels.shape), other, device=labels.device)
    return energies.scatter(0, labels[None].long(), -math.log(confidence))
