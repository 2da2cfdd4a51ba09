"""Learned position tables at other grid sizes."""

import torch
from torch import Tensor
from torch.nn import functional as F


def resize_positions(table: Tensor, native: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Resizes the spatial rows of a position table bilinearly, as DenseCLIP does.

    Args:
        table: (1 + h0 * w0, C); the first row belongs to the class or mean token and stays.
        native: (h0, w0).
        size: (h, w) wanted.

    Returns:
        (1 + h * w, C); the table itself at its native size.
    """
    if tuple(native) == tuple(size):
        return table
    grid = table[1:].T.reshape(1, -1, *native)  # (1, C, h0, w0)
    grid = F.interpolate(grid, size=tuple(size), mode='bilinear', align_corners=False)
    return torch.cat([table[:1], grid.flatten(2)[0].T])
