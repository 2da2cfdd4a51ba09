"""ICPC's lightweight multi-scale alignment, and with no level chosen a plain FPN."""

from collections.abc import Container, Sequence

from mmengine.model import BaseModule
from mmseg.models.necks import FPN
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..alignment import cosine_score_map
from ..parts import BaseNeck
from ..structures import CLIPFeatures
from .joined_conv import JoinedConv2d
from .projected_cosine import projected_score_map


@MODELS.register_module()
class MultiScaleAlignment(BaseNeck, BaseModule):
    """Aligns chosen pyramid levels with the text and joins their score maps before the FPN.

    Level i goes through a 1 x 1 convolution to the joint space, cosine with the text, and the
    resulting (B, K, h_i, w_i) is joined to the level's channels (ICPC, our reading). The embedding
    itself is made where that is the cheaper way (:func:`projected_score_map`). The level that has
    CLIP's own dense embedding uses that embedding. No level, or no text: a plain FPN.

    Args:
        in_channels: C_i of the four pyramid levels.
        embed_dim: D; None for a model without text, where no level is aligned.
        num_classes: K.
        dense_level: index of the level with CLIP's dense embedding.
        levels: indices of the aligned levels, 0 (finest) .. 3.
        out_channels: of every output level (DenseCLIP: 256).
        score_scale: the joined maps are multiplied by it; 1 joins the raw cosine as DenseCLIP.

    Raises:
        ValueError: a level that does not exist or comes twice.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        embed_dim: int | None,
        num_classes: int,
        dense_level: int,
        levels: Sequence[int] = (0, 1, 2, 3),
        out_channels: int = 256,
        score_scale: float = 1.0,
    ) -> None:
        super().__init__()
        levels = tuple(levels)
        if len(set(levels)) != len(levels) or not set(levels) <= set(range(len(in_channels))):
            raise ValueError(
                f'neck.levels must be different numbers from 0 to {len(in_channels) - 1}, '
                f'got {list(levels)}'
            )
        self.out_channels = out_channels
        self.levels = () if embed_dim is None else tuple(sorted(levels))
        self.dense_level = dense_level
        self.score_scale = score_scale
        self.embed = nn.ModuleDict(
            {
                str(level): nn.Conv2d(in_channels[level], embed_dim, kernel_size=1)
                for level in self.levels
                if level != dense_level
            }
        )
        joined = [c + num_classes * (i in self.levels) for i, c in enumerate(in_channels)]
        conv = dict(type=JoinedConv2d)
        self.fpn = FPN(joined, out_channels, num_outs=len(in_channels), conv_cfg=conv)
        self._joined_at = {level: in_channels[level] for level in self.levels}

    def class_tensors(self) -> dict[str, tuple[int, int]]:
        """The inputs of the FPN that read joined score maps, behind the level's channels."""
        return {
            f'fpn.lateral_convs.{level}.conv.weight': (1, first)
            for level, first in self._joined_at.items()
        }

    def unused(self, outputs: Container[int], maps: Container[int]) -> list[nn.Module]:
        """Convolutions of levels that nothing reads, and those that make unused score maps."""
        convs = zip(self.fpn.lateral_convs, self.fpn.fpn_convs, strict=True)
        unused, coarser = [], False  # each level is added to the next finer one
        for level, (lateral, output) in enumerate(convs):
            coarser = coarser or level in outputs
            unused += ([] if coarser else [lateral]) + ([] if level in outputs else [output])
        return unused + [conv for level, conv in self.embed.items() if int(level) not in maps]

    def score_map(self, features: CLIPFeatures, text: Tensor, level: int) -> Tensor:
        """(B, N, h_i, w_i), the cosines of an aligned level with any text (B or 1, N, D)."""
        if level == self.dense_level:
            return cosine_score_map(features.dense, text)
        conv = self.embed[str(level)]
        return projected_score_map(features.pyramid[level], conv.weight, conv.bias, text)

    def forward(
        self, features: CLIPFeatures, text: Tensor | None
    ) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """The decoder's pyramid and the score maps.

        Args:
            features: of the backbone.
            text: (B or 1, K, D); may be None without levels.

        Returns:
            four maps (B, out_channels, h_i, w_i), and (B, K, h_i, w_i) cosines for each chosen
            level, finest first.
        """
        pyramid, score_maps = list(features.pyramid), []
        for level in self.levels:
            scores = self.score_map(features, text, level)
            score_maps.append(scores)
            joined = (scores * self.score_scale).to(pyramid[level].dtype)  # float32 under autocast
            pyramid[level] = (pyramid[level], joined)
        return self.fpn(pyramid), score_maps
