"""A decode head that starts from the pixel-text score map."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ..parts import TakesScoreMap
from .semantic_fpn import SemanticFPNHead


@MODELS.register_module()
class ScoreGuidedFPNHead(TakesScoreMap, SemanticFPNHead):
    """Semantic FPN whose logits are added to those of a score map: it learns what text cannot tell.

    ``logits = FPN head (pyramid) + gain * score map / temperature``. The published systems join the
    score map to the features in front of the FPN, as K more channels of small values which the head
    may ignore; here what the alignment knows reaches the prediction from the first step on, that of
    a class without labels included.

    Args:
        feature_strides: stride of each pyramid level, finest first.
        score_level: the pyramid level whose score map is added, 0 (finest) .. 3; the neck must
            align it. None for the level with CLIP's own dense embedding.
        temperature: that of the score map's softmax, as in ``ScoreMapLoss`` (CLIP's initial 0.07).
        gain: initial value of a learned factor.
        **kwargs: as for :class:`SemanticFPNHead`.
    """

    def __init__(
        self,
        feature_strides: Sequence[int],
        score_level: int | None = None,
        temperature: float = 0.07,
        gain: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(feature_strides=feature_strides, **kwargs)
        if temperature <= 0:
            raise ValueError(f'model.decode_head.temperature must be above 0, got {temperature}')
        self.score_level = score_level
        self.temperature = temperature
        self.gain = nn.Parameter(torch.tensor([float(gain)]))  # FSDP cannot split a scalar
        self.register_load_state_dict_pre_hook(_give_gain_a_dimension)

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Logits (B, K, h, w) at the finest level's size.

        Args:
            inputs: the pyramid's maps (B, C, h_i, w_i), then one score map (B, K, h_j, w_j).
        """
        *pyramid, scores = inputs
        return self.guided(self.residual(pyramid), scores)

    def residual(self, pyramid: Sequence[Tensor]) -> Tensor:
        """(B, K, h, w), what the FPN adds for each class."""
        return super().forward(pyramid)

    def guided(self, residual: Tensor, scores: Tensor) -> Tensor:
        """Logits (B, N, h, w) of any N classes.

        Args:
            residual: (B, N, h, w).
            scores: (B, N, h_j, w_j), the classes' score map.
        """
        size = residual.shape[2:]
        scores = F.interpolate(scores, size=size, mode='bilinear', align_corners=False)
        return residual + scores * (self.gain / self.temperature)


def _give_gain_a_dimension(
    module: nn.Module, state: dict[str, Tensor], prefix: str, *others: object
) -> None:
    """Checkpoints of icpc 0.1 have a scalar there."""
    gain = state.get(f'{prefix}gain')
    if gain is not None and gain.dim() == 0:
        state[f'{prefix}gain'] = gain[None]
