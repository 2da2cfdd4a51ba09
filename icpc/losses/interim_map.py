"""The auxiliary loss on the semantic maps between the stages of a prompt-matched backbone."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..parts import AlignmentLoss
from ..structures import CLIPFeatures
from ..upsampling import upsampled_cross_entropy


@MODELS.register_module()
class InterimMapLoss(AlignmentLoss):
    """The mean cross-entropy of the interim maps, upsampled to the labels, weighted.

    That the maps are supervised, and how, is our reading of PMSS (arXiv 2208.10159), which is
    guided by them; the weight is MMSegmentation's for auxiliary heads.

    Args:
        weight: the weight of the mean over all maps.
        ignore_index: label of pixels left out.
    """

    needs_text = False
    uses = frozenset({'interim'})

    def __init__(self, weight: float = 0.4, ignore_index: int = 255) -> None:
        super().__init__()
        self.weight = weight
        self.ignore_index = ignore_index

    def forward(
        self,
        features: CLIPFeatures,
        text: Tensor | None,
        score_maps: list[Tensor],
        labels: Tensor,
    ) -> Tensor:
        """A scalar.

        Raises:
            ValueError: the backbone gives no interim maps.
        """
        if not features.interim:
            raise ValueError(
                'InterimMapLoss needs the interim maps of PromptMatchedBackbone: set '
                'model.backbone.type, or leave the loss out (model.losses.interim=None)'
            )
        losses = [
            upsampled_cross_entropy(semantic, labels, self.ignore_index, with_accuracy=False).loss
            for semantic in features.interim
        ]
        return self.weight * torch.stack(losses).mean()
