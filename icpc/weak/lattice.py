"""Gaussian filtering of pixels with any features on a permutohedral lattice."""

import math

import torch
from torch import Tensor

_FEW = 2  # values of a point up to which the published code multiplies in another order


class Lattice:
    """A Gaussian of deviation 1 over points, approximated as DenseCRF's published code does.

    Each point is spread over the d + 1 corners of its simplex, the corners are blurred along d + 1
    directions, and read back; time and memory grow with the points, not with their pairs.

    Args:
        features: (P, d) of the points, each divided by its deviation.
    """

    def __init__(self, features: Tensor) -> None:
        count, d = features.shape
        self._d = d
        self._scale = float(torch.tensor(1 / (1 + 2.0**-d), dtype=features.dtype))
        lifted = _lift(features)
        base, rank = _simplex(lifted)
        offset = (lifted - base) * _share(lifted)
        shares = lifted.new_zeros(count, d + 2)
        shares.scatter_add_(1, d - rank, offset)
        shares.scatter_add_(1, d + 1 - rank, -offset)
        shares[:, 0] += 1 + shares[:, d + 1]
        self._shares = shares[:, : d + 1]
        remainder = torch.arange(d + 1, device=features.device)[:, None]
        corner = remainder - (d + 1) * (rank[:, None, :] > d - remainder)  # (P, d + 1, d + 1)
        keys = (base[:, None, :].long() + corner)[..., :d].flatten(0, 1)
        self._corners, inverse = torch.unique(self._coded(keys), return_inverse=True)
        self._index = inverse.reshape(count, d + 1)
        self._neighbours = [self._beside(axis) for axis in range(d + 1)]

    def _coded(self, keys: Tensor) -> Tensor:
        """Keys as one number each, with room for the neighbours of all."""
        low = keys.amin(0) - self._d - 1
        sides = keys.amax(0) + self._d + 2 - low
        strides = [1]
        for side in sides[:-1].tolist():
            strides.append(strides[-1] * side)
        if strides[-1] * int(sides[-1]) >= 2**63:
            raise ValueError('the features span too many deviations for one lattice')
        self._strides = torch.tensor(strides, device=keys.device)
        return ((keys - low) * self._strides).sum(1)

    def filter(self, values: Tensor) -> Tensor:
        """Sums over all points weighted by the Gaussian, (P, C).

        Args:
            values: (P, C).
        """
        corners = values.new_zeros(len(self._corners) + 1, values.shape[1])  # the last one: none
        spread = self._shares[..., None] * values[:, None]  # (P, d + 1, C)
        corners.index_add_(0, self._index.flatten(), spread.flatten(0, 1))
        for before, after in self._neighbours:
            blurred = corners[:-1] + 0.5 * (corners[before] + corners[after])
            corners = torch.cat([blurred, corners[-1:]])
        read = torch.zeros_like(values)
        few = values.shape[1] <= _FEW
        for k in range(self._d + 1):
            share, found = self._shares[:, k, None], corners[self._index[:, k]]
            read = read + (share * found * self._scale if few else share * self._scale * found)
        return read

    def _beside(self, axis: int) -> tuple[Tensor, Tensor]:
        step = self._strides.sum()
        if axis < self._d:
            step = step - (self._d + 1) * self._strides[axis]
        return self._find(self._corners - step), self._find(self._corners + step)

    def _find(self, codes: Tensor) -> Tensor:
        """Index of each code among the corners, that of none for others."""
        count = len(self._corners)
        place = torch.searchsorted(self._corners, codes).clamp(max=count - 1)
        return torch.where(self._corners[place] == codes, place, count)


def _share(lifted: Tensor) -> Tensor:
    """One of the d + 1 corners, a scalar; multiplied with, as the published code does."""
    return 1 / torch.tensor(lifted.shape[1], dtype=lifted.dtype, device=lifted.device)


def _lift(features: Tensor) -> Tensor:
    """Points on the plane of the lattice, (P, d + 1).

    In the order of the published sums: the rounding of float32 here moves points between corners,
    and after ten steps of a mean field that is up to 1e-2 of a probability.
    """
    d = features.shape[1]
    deviation = float(torch.tensor((2 / 3) ** 0.5 * (d + 1), dtype=features.dtype))
    tail, lifted = torch.zeros_like(features[:, 0]), []
    for axis in range(d, 0, -1):
        scaled = features[:, axis - 1] * (1 / math.sqrt((axis + 1) * axis) * deviation)
        lifted.append(tail - axis * scaled)
        tail = tail + scaled
    return torch.stack([tail, *reversed(lifted)], 1)


def _simplex(lifted: Tensor) -> tuple[Tensor, Tensor]:
    """The corner of remainder 0 of each point's simplex, and the order of its coordinates."""
    d = lifted.shape[1] - 1
    whole = lifted * _share(lifted)
    up, down = whole.ceil() * (d + 1), whole.floor() * (d + 1)
    base = torch.where(up - lifted < lifted - down, up, down)
    rest = lifted - base
    i, j = rest[:, :, None], rest[:, None, :]
    before = torch.ones(d + 1, d + 1, device=lifted.device).tril(-1).bool()  # j stands before i
    rank = ((i < j) | ((i == j) & before)).sum(2)
    rank = rank + (base.sum(1) / (d + 1)).round().long()[:, None]
    low, high = rank < 0, rank > d
    rank = rank + (d + 1) * (low.long() - high.long())
    return base + (d + 1) * (low.to(base) - high.to(base)), rank
