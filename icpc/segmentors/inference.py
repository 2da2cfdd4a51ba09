"""Whole and sliding-window inference, and the way back to the picture's own size."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Forward = Callable[[Tensor], list[Tensor]]


def windows(
    size: tuple[int, int], crop: tuple[int, int], stride: tuple[int, int]
) -> list[tuple[slice, slice]]:
    """Row and column slices that cover a picture; the last ones are moved back inside it.

    Args:
        size: (H, W) of the picture.
        crop: (H, W) of a window; larger than the picture is allowed.
        stride: steps in pixels, at most the crop, or pixels would be left out.

    Raises:
        ValueError: a stride beyond the crop or below 1.
    """
    if any(not 1 <= s <= c for s, c in zip(stride, crop, strict=True)):
        raise ValueError(
            f'test_cfg.stride must be between 1 and the crop: stride {tuple(stride)}, '
            f'crop {tuple(crop)}'
        )
    axes = []
    for length, window, step in zip(size, crop, stride, strict=True):
        count = max(length - window + step - 1, 0) // step + 1
        starts = [max(min(i * step + window, length) - window, 0) for i in range(count)]
        axes.append([slice(start, min(start + window, length)) for start in starts])
    return [(rows, columns) for rows in axes[0] for columns in axes[1]]


def slide(
    forward: Forward, images: Tensor, crop: tuple[int, int], stride: tuple[int, int]
) -> list[Tensor]:
    """Mean over overlapping windows of each map that ``forward`` gives, accumulated in place.

    Args:
        forward: (B, 3, h, w) -> maps (B, C_j, h, w).
        images: (B, 3, H, W).
        crop, stride: see :func:`windows`.

    Returns:
        maps (B, C_j, H, W).
    """
    size = tuple(images.shape[2:])
    places = windows(size, crop, stride)
    if len(places) == 1:
        return forward(images)
    sums: list[Tensor] = []
    count = images.new_zeros(size)
    for rows, columns in places:
        maps = forward(images[:, :, rows, columns])
        if not sums:
            sums = [m.new_zeros(len(images), m.shape[1], *size) for m in maps]
        for total, part in zip(sums, maps, strict=True):
            total[:, :, rows, columns] += part
        count[rows, columns] += 1
    return [total.div_(count) for total in sums]


def restore(seg_map: Tensor, meta: dict) -> Tensor:
    """Undoes padding, flip and resizing of one picture's map.

    Args:
        seg_map: (C, H, W) at the network's input size.
        meta: MMSegmentation's metainfo of the picture; empty leaves the map as it is.

    Returns:
        (C, H0, W0) at the size that the picture has on disk.
    """
    padding = meta.get('img_padding_size', meta.get('padding_size', (0, 0, 0, 0)))
    left, right, top, bottom = (int(p) for p in padding)
    height, width = seg_map.shape[1:]
    seg_map = seg_map[:, top : height - bottom, left : width - right]
    if meta.get('flip'):
        seg_map = seg_map.flip(2 if meta.get('flip_direction') == 'horizontal' else 1)
    size = tuple(meta.get('ori_shape', seg_map.shape[1:]))[:2]
    if tuple(seg_map.shape[1:]) == size:
        return seg_map
    return upsample(seg_map[None], size)[0]


def upsample(x: Tensor, size: Sequence[int] | torch.Size) -> Tensor:
    """Bilinear, (B, C, h, w) -> (B, C, *size)."""
    return F.interpolate(x, size=tuple(size), mode='bilinear', align_corners=False)
