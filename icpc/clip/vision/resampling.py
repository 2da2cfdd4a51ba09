"""DenseCLIP's way from one feature grid to a pyramid."""

from mmcv.cnn import build_norm_layer
from torch import nn


def resampling_blocks(width: int, norm_cfg: dict) -> nn.ModuleList:
    """DenseCLIP's four blocks: x 4, x 2, x 1, / 2, each behind a group norm of one group.

    Args:
        width: channels of the grid and of every level.
        norm_cfg: norm between the two transposed convolutions of the finest level.
    """

    def double() -> nn.Module:
        return nn.ConvTranspose2d(width, width, kernel_size=2, stride=2)

    return nn.ModuleList(
        [
            nn.Sequential(
                nn.GroupNorm(1, width),
                double(),
                build_norm_layer(norm_cfg, width)[1],
                nn.GELU(),
                double(),
            ),
            nn.Sequential(nn.GroupNorm(1, width), double()),
            nn.GroupNorm(1, width),
            nn.Sequential(nn.GroupNorm(1, width), nn.MaxPool2d(kernel_size=2, stride=2)),
        ]
    )
