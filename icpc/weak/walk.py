"""The random walk of IRN: activations spread over cells that no edge divides."""

import math
import warnings
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

_DENSE = 512  # columns that are made dense at once

Cell = tuple[int, int]  # rows down, columns right


@lru_cache(16)
def paths(radius: int) -> tuple[tuple[Cell, ...], ...]:
    """For every neighbour d nearer than `radius`, in a half plane, the cells on the way to it.

    Those of the box between 0 and d whose distance to the line through both is below 1, d first and
    0 last. The short ways come first.

    Args:
        radius: At least 2.
    """
    near = [(0, x) for x in range(1, radius)]
    for y in range(1, radius):
        near += [(y, x) for x in range(1 - radius, radius) if y * y + x * x < radius * radius]
    return tuple(sorted((_path(*cell) for cell in near), key=len))


def _path(y: int, x: int) -> tuple[Cell, ...]:
    rows = range(min(y, 0), max(y, 0) + 1)
    columns = range(min(x, 0), max(x, 0) + 1)
    length = y * y + x * x
    cells = [(v, u) for v in rows for u in columns if (y * u - x * v) ** 2 < length]
    return tuple(sorted(cells, key=lambda cell: -abs(cell[0]) - abs(cell[1])))


def neighbour_affinity(edge: Tensor, radius: int = 5) -> Tensor:
    """One minus the strongest edge on the way to each neighbour, (neighbours, h, w).

    0 where the neighbour lies outside.

    Args:
        edge: (h, w) in [0, 1].
        radius: Of the neighbourhood, in cells.
    """
    height, width = edge.shape
    pad = radius - 1
    padded = F.pad(edge, (pad, pad, 0, pad), value=1.0)
    found = []
    for path in paths(radius):
        cells = [padded[y : y + height, pad + x : pad + x + width] for y, x in path]
        found.append(1 - torch.stack(cells).amax(0))
    return torch.stack(found)


def transition(edge: Tensor, radius: int = 5, beta: float = 10) -> Tensor:
    """The transposed matrix of one step, sparse (cells, cells); its rows sum to 1.

    Symmetric affinities, 1 of a cell to itself, to the power of `beta`, divided by their sums.

    Args:
        edge: (h, w) in [0, 1].
        radius, beta: As in `random_walk`.
    """
    height, width = edge.shape
    affinity = neighbour_affinity(edge, radius).pow(beta).flatten(1)
    cells = torch.arange(height * width, device=edge.device)
    steps = torch.tensor([path[0] for path in paths(radius)], device=edge.device)
    first = cells.expand(len(steps), -1)
    second = first + (steps[:, :1] * width + steps[:, 1:])
    inside = affinity > 0
    first, second, weight = first[inside], second[inside], affinity[inside]
    rows = torch.cat([cells, first, second])
    columns = torch.cat([cells, second, first])
    values = torch.cat([torch.ones_like(edge).flatten(), weight, weight])
    order = torch.argsort(rows * len(cells) + columns)
    rows, columns, values = rows[order], columns[order], values[order]
    values = values / _sums(rows, columns, values, len(cells))[rows]
    return sparse_matrix(rows, columns, values, len(cells))


def _sums(rows: Tensor, columns: Tensor, values: Tensor, count: int) -> Tensor:
    """The sum of each column of a symmetric matrix, rounded as the published dense one's is.

    Torch adds up dense columns in an order of its own. Sums in another order, or exact ones, differ
    by 4e-7, which hundreds of steps raise to 5e-5 of the result. So some columns after the other
    are made dense.

    Args:
        rows, columns, values: Of the entries, row by row.
        count: Rows.
    """
    sums = []
    bounds = torch.arange(0, count + _DENSE, _DENSE, device=rows.device)
    ends = torch.searchsorted(rows, bounds).tolist()
    for first, (begin, end) in zip(range(0, count, _DENSE), pairwise(ends), strict=True):
        dense = values.new_zeros(count, min(_DENSE, count - first))
        dense[columns[begin:end], rows[begin:end] - first] = values[begin:end]
        sums.append(dense.sum(0))
    return torch.cat(sums)


def sparse_matrix(rows: Tensor, columns: Tensor, values: Tensor, count: int) -> Tensor:
    """A sparse (count, count) matrix that is fast to multiply with."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # torch calls its CSR tensors a beta
        place = torch.stack([rows, columns])
        matrix = torch.sparse_coo_tensor(place, values, (count, count), check_invariants=False)
        return matrix.coalesce().to_sparse_csr()


def random_walk(
    cam: Tensor, edge: Tensor, radius: int = 5, beta: float = 10, exponent: int = 8
) -> Tensor:
    """Activations after 2^exponent steps, (C, h, w).

    They start as `cam` times one minus the edges. Each step is one sparse product with the maps,
    so that no matrix of all pairs of cells is ever made.

    Args:
        cam: (C, h, w), at least 0.
        edge: (h, w) in [0, 1].
        radius: Steps reach cells that are nearer.
        beta: Power of the affinities; higher walks keep off weaker edges.
        exponent: Of the number of steps.
    """
    return walk(cam * (1 - edge), transition(edge, radius, beta).double(), 2**exponent)


def walk(maps: Tensor, matrix: Tensor, steps: int) -> Tensor:
    """Maps (C, h, w) after some steps of a transposed matrix of float64."""
    flat = maps.double().flatten(1).T.contiguous()
    for _ in range(steps):
        flat = matrix @ flat
    return flat.T.reshape(maps.shape).to(maps.dtype)


def walked_scores(walked: Tensor, size: tuple[int, int], stride: int = 4) -> Tensor:
    """Activations of the picture (C, H, W): resized, cut, divided by the maximum of all classes.

    Args:
        walked: (C, h, w) of a walk on cells of `stride` pixels.
        size: H, W of the picture.
        stride: Pixels a cell.
    """
    full = F.interpolate(walked[None], scale_factor=stride, mode='bilinear')[0]
    full = full[:, : size[0], : size[1]]
    return full / full.max()


def score_labels(scores: Tensor, threshold: float, keys: Tensor) -> Tensor:
    """Labels (H, W): 0 where no class is above the threshold, else class + 1.

    Args:
        scores: (C, H, W) of the picture's classes.
        threshold: Of the background.
        keys: (C,) the class of each map.
    """
    background = torch.full_like(scores[:1], threshold)
    ids = torch.cat([torch.zeros_like(keys[:1]), keys + 1])
    return ids[torch.cat([background, scores]).argmax(0)]


def training_pairs(size: tuple[int, int], radius: int) -> tuple[Tensor, Tensor]:
    """What the boundary network's loss compares: cells, and their neighbours.

    Returns:
        (S,) flat first cells whose neighbours all lie inside, (neighbours, S) flat second cells.

    Args:
        size: h, w of the maps, larger than the neighbourhood.
        radius: Of the neighbourhood.
    """
    floor = math.ceil(radius) - 1
    index = torch.arange(size[0] * size[1]).reshape(size)
    first = index[: size[0] - floor, floor : size[1] - floor].flatten()
    steps = torch.tensor([path[0][0] * size[1] + path[0][1] for path in paths(radius)])
    return first, first + steps[:, None]
