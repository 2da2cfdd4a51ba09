"""Bilinear upsampling cut into cells: the outputs that lie between the same four inputs."""

from functools import lru_cache
from math import floor
from typing import NamedTuple

import torch
from torch import Tensor


class CellAxis(NamedTuple):
    """One axis of a bilinear upsampling (``align_corners=False``), grouped into n + 1 cells.

    Cell c lies between inputs c - 1 and c, the outermost ones repeated at the borders. Each cell
    has room for the same number s of outputs; what it does not use has index -1 and weight 0.

    Attributes:
        outputs: (n + 1, s) index of each output.
        weights: (n + 1, s, 2) what it takes of input c - 1 and of input c.
    """

    outputs: Tensor
    weights: Tensor


def cell_axis(inputs: int, outputs: int, dtype: torch.dtype, device: torch.device) -> CellAxis:
    """Cells of an axis that is resized from n ``inputs`` to ``outputs`` pixels.

    Output i lies at (i + 0.5) * inputs / outputs - 0.5, as in ``F.interpolate``. All is worked out
    on the host from the two sizes and kept on the device, so that no step waits for it.
    """
    # Tensors of a fake mode belong to that mode alone.
    mode = getattr(torch.empty(0, device=device), 'fake_mode', None)
    return _kept_axis(inputs, outputs, dtype, device, mode)


@lru_cache(maxsize=64)  # two axes of each map: the same few sizes in every step of a training
def _kept_axis(
    inputs: int, outputs: int, dtype: torch.dtype, device: torch.device, _: object
) -> CellAxis:
    taken, weights = _cells(inputs, outputs)
    with torch.inference_mode(False):
        return CellAxis(
            torch.tensor(taken, device=device), torch.tensor(weights, dtype=dtype, device=device)
        )


def _cells(inputs: int, outputs: int) -> tuple[list[list[int]], list[list[tuple[float, float]]]]:
    """The outputs of each cell, and what they take; all cells padded to the same length."""
    taken: list[list[int]] = [[] for _ in range(inputs + 1)]
    weights: list[list[tuple[float, float]]] = [[] for _ in range(inputs + 1)]
    for index in range(outputs):
        place = (index + 0.5) * (inputs / outputs) - 0.5
        cell = min(max(floor(place) + 1, 0), inputs)
        fraction = min(max(place + 1 - cell, 0.0), 1.0)
        taken[cell].append(index)
        weights[cell].append((1 - fraction, fraction))
    room = max(map(len, taken))
    for row, pairs in zip(taken, weights, strict=True):
        pairs += [(0.0, 0.0)] * (room - len(row))
        row += [-1] * (room - len(row))
    return taken, weights


class Tile(NamedTuple):
    """A block of cells: slices of the batch, of the cell rows and of the cell columns."""

    images: slice
    rows: slice
    columns: slice


def tiles(batch: int, rows: int, columns: int, cell_size: int, budget: int) -> list[Tile]:
    """Cuts B x rows x columns cells into blocks of at most ``budget`` numbers (one cell at least).

    Args:
        batch, rows, columns: number of pictures, cell rows and cell columns.
        cell_size: numbers that one cell holds.
        budget: numbers that one block may hold.
    """
    width = _even(columns, budget // cell_size)
    height = _even(rows, budget // (cell_size * width))
    count = _even(batch, budget // (cell_size * width * height))
    return [
        Tile(_slice(b, count, batch), _slice(y, height, rows), _slice(x, width, columns))
        for b in range(0, batch, count)
        for y in range(0, rows, height)
        for x in range(0, columns, width)
    ]


def _slice(start: int, length: int, end: int) -> slice:
    return slice(start, min(start + length, end))


def _even(length: int, most: int) -> int:
    """The size of the fewest pieces of nearly equal length, none above ``most``."""
    pieces = -(-length // max(min(most, length), 1))
    return -(-length // pieces)


def corners(logits: Tensor, tile: Tile) -> Tensor:
    """The four inputs around each cell of a tile.

    Args:
        logits: (B, K, h, w).
        tile: a block of nb x nr x nc cells.

    Returns:
        (nb * nr * nc, 4, K): upper left, upper right, lower left, lower right.
    """
    height, width = logits.shape[2:]
    images, rows, columns = tile
    inside = (
        slice(max(rows.start - 1, 0), min(rows.stop, height)),
        slice(max(columns.start - 1, 0), min(columns.stop, width)),
    )
    block = logits[(images, slice(None), *inside)].permute(0, 2, 3, 1)  # (nb, .., .., K)
    for dim, (cells, size) in enumerate(((rows, height), (columns, width)), start=1):
        first = [block.narrow(dim, 0, 1)] if cells.start == 0 else []
        last = [block.narrow(dim, -1, 1)] if cells.stop > size else []
        if first or last:
            block = torch.cat([*first, block, *last], dim=dim)
    block = block.contiguous()
    quarters = [block[:, :-1, :-1], block[:, :-1, 1:], block[:, 1:, :-1], block[:, 1:, 1:]]
    return torch.stack(quarters, dim=3).flatten(0, 2)


def add_corners(total: Tensor, parts: Tensor, tile: Tile) -> None:
    """The transpose of :func:`corners`: adds parts (nb * nr * nc, 4, K) to total (B, K, h, w)."""
    height, width = total.shape[2:]
    images, rows, columns = tile
    shape = tuple(cells.stop - cells.start for cells in tile)
    parts = parts.unflatten(0, shape)  # (nb, nr, nc, 4, K)
    block = parts.new_zeros(shape[0], shape[1] + 1, shape[2] + 1, parts.shape[-1])
    block[:, :-1, :-1] += parts[..., 0, :]
    block[:, :-1, 1:] += parts[..., 1, :]
    block[:, 1:, :-1] += parts[..., 2, :]
    block[:, 1:, 1:] += parts[..., 3, :]
    starts = []
    for dim, (cells, size) in enumerate(((rows, height), (columns, width)), start=1):
        starts.append(max(cells.start - 1, 0))
        if cells.start == 0:
            block.narrow(dim, 1, 1).add_(block.narrow(dim, 0, 1))
            block = block.narrow(dim, 1, block.shape[dim] - 1)
        if cells.stop > size:
            block.narrow(dim, -2, 1).add_(block.narrow(dim, -1, 1))
            block = block.narrow(dim, 0, block.shape[dim] - 1)
    stops = [start + length for start, length in zip(starts, block.shape[1:3], strict=True)]
    inside = slice(starts[0], stops[0]), slice(starts[1], stops[1])
    total[(images, slice(None), *inside)] += block.permute(0, 3, 1, 2)
