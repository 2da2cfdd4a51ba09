"""The auxiliary loss on pixel-text score maps."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..parts import AlignmentLoss
from ..structures import CLIPFeatures
from ..upsampling import upsampled_cross_entropy


def score_map_loss(
    score_map: Tensor, labels: Tensor, temperature: float = 0.07, ignore_index: int = 255
) -> Tensor:
    """Cross-entropy of cosine / temperature, upsampled to the labels (DenseCLIP, section 3.3).

    Args:
        score_map: (B, K, h, w) cosines.
        labels: (B, H, W) class ids.
        temperature: 0.07 (DenseCLIP).
        ignore_index: label left out of the mean.

    Returns:
        The mean over labelled pixels; zero where there are none.
    """
    return upsampled_cross_entropy(
        score_map, labels, ignore_index, 1 / temperature, with_accuracy=False
    ).loss


@MODELS.register_module()
class ScoreMapLoss(AlignmentLoss):
    """The sum of :func:`score_map_loss` over all score maps, weighted.

    Args:
        weight: the weight of each map (DenseCLIP: 0.4).
        temperature: divides the cosine (DenseCLIP: 0.07).
        ignore_index: label of pixels left out.
    """

    uses = frozenset({'score_maps'})

    def __init__(
        self, weight: float = 0.4, temperature: float = 0.07, ignore_index: int = 255
    ) -> None:
        super().__init__()
        self.weight = weight
        self.temperature = temperature
        self.ignore_index = ignore_index

    def forward(
        self, features: CLIPFeatures, text: Tensor, score_maps: list[Tensor], labels: Tensor
    ) -> Tensor:
        """A scalar; zero without score maps."""
        losses = [
            score_map_loss(score_map, labels, self.temperature, self.ignore_index)
            for score_map in score_maps
        ]
        if not losses:
            return torch.zeros((), device=labels.device)
        return self.weight * torch.stack(losses).sum()
