"""Learned position tables at other grid sizes."""

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from ...tracing.exporting import is_exporting

RULES = ('size', 'scale')


def check_position_rule(rule: str) -> None:
    """Raises ValueError for a rule that :func:`resize_positions` does not have."""
    if rule not in RULES:
        raise ValueError(f'backbone.positions must be one of {RULES}, got {rule!r}')


def resize_positions(
    table: Tensor, native: tuple[int, int], size: tuple[int, int], rule: str = 'size'
) -> Tensor:
    """Resizes the spatial rows of a position table.

    Args:
        table: (1 + h0 * w0, C); the first row belongs to the class or mean token and stays.
        native: (h0, w0).
        size: (h, w) wanted.
        rule: ``'size'``: bilinear to the size, as DenseCLIP does. ``'scale'``: bicubic by the
            factors (h + 0.1) / h0 and (w + 0.1) / w0, and unchanged, row by row, where h w = h0 w0
            whatever the shape, as the code of SCLIP, ClearCLIP and NACLIP does, for comparisons.

    Returns:
        (1 + h * w, C); the table itself at its native size.
    """
    if not is_exporting() and tuple(native) == tuple(size):
        return table
    if rule == 'scale' and native[0] * native[1] == size[0] * size[1]:
        return table
    grid = table[1:].T.reshape(1, -1, *native)  # (1, C, h0, w0)
    if rule == 'scale':
        factors = [(n + 0.1) / m for n, m in zip(size, native, strict=True)]
        grid = F.interpolate(grid, scale_factor=factors, mode='bicubic', align_corners=False)
    else:
        grid = F.interpolate(grid, size=tuple(size), mode='bilinear', align_corners=False)
    return torch.cat([table[:1], grid.flatten(2)[0].T])


def resize_image_tower(visual: nn.Module, image_size: int) -> None:
    """Replaces the position table of open_clip's image tower by one for another picture size.

    Args:
        visual: changed in place; timm's towers keep their table and resize it at every forward.
        image_size: side in pixels of a square picture; sides that the stride does not divide give
            the grid that the tower itself makes of them.

    """
    if isinstance(visual, ModifiedResNet):
        side, owner = max(image_size // 32, 1), visual.attnpool
        native = round((len(owner.positional_embedding) - 1) ** 0.5)
        native = native, native
    elif isinstance(visual, VisionTransformer):
        side, owner, native = -(-image_size // visual.patch_size[0]), visual, visual.grid_size
    else:
        return
    grid = side, side
    table = resize_positions(owner.positional_embedding.detach(), native, grid)
    owner.positional_embedding = nn.Parameter(table.clone())
    if owner is visual:
        visual.grid_size = grid
