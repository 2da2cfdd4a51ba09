"""DenseCLIP's alignment: one score map, at the level where CLIP's own embedding is."""

from collections.abc import Sequence

from mmseg.registry import MODELS

from .multi_scale import MultiScaleAlignment


@MODELS.register_module()
class ScoreConcat(MultiScaleAlignment):
    """The raw cosine score map joined to its pyramid level before the FPN (DenseCLIP, eq. 4).

    Level 3 (stride 32) of a ResNet, level 2 (stride 16) of a ViT with patches of 16. It is
    :class:`MultiScaleAlignment` with that level alone, and adds no parameters of its own.

    Args:
        in_channels, embed_dim, num_classes, dense_level, out_channels: see there.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        embed_dim: int | None,
        num_classes: int,
        dense_level: int,
        out_channels: int = 256,
    ) -> None:
        super().__init__(
            in_channels, embed_dim, num_classes, dense_level, (dense_level,), out_channels
        )
