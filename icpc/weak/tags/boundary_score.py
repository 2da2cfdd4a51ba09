"""How well a boundary network tells cells of one class from cells of two."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from torch.nn import functional as F

from ..boundary import pair_affinity, pair_kinds

_STEPS = 1000  # affinities are counted in steps of a thousandth


@METRICS.register_module()
class BoundaryScore(BaseMetric):
    """`boundary_AUC`: how often a pair of cells of one class is nearer than one of two, percent.

    Nearer is what has the higher affinity, one minus the strongest edge between both; 50 is
    chance. Pairs are those that the random walk steps along.

    Args:
        radius: Of the neighbourhood, in cells.
        ignore_index: Label that does not count.
    """

    def __init__(self, radius: int = 5, ignore_index: int = 255) -> None:
        super().__init__(collect_device='cpu', prefix='')
        self.radius, self.ignore_index = radius, ignore_index
        self._counts = torch.zeros(2, _STEPS + 1, dtype=torch.int64)

    @property
    def result_keys(self) -> list[str]:
        """The keys that `evaluate` returns."""
        return ['boundary_AUC']

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add a batch.

        Args:
            data_batch: Not used.
            data_samples: Dicts with `gt_sem_seg.data` (1, H, W) and `pred_edge.data` (1, h, w).
        """
        for sample in data_samples:
            edge = sample['pred_edge']['data'].cpu()
            if min(edge.shape[1:]) < 2 * self.radius:
                continue  # no cell has all neighbours inside
            labels = sample['gt_sem_seg']['data'].cpu().double()
            cells = F.interpolate(labels[None], edge.shape[1:], mode='nearest-exact')[0].long()
            found = (
                (pair_affinity(edge[None], self.radius) * _STEPS).round().long().clamp(0, _STEPS)
            )
            background, foreground, apart = pair_kinds(cells, self.radius, self.ignore_index)
            for row, chosen in enumerate((background | foreground, apart)):
                self._counts[row] += found[chosen].bincount(minlength=_STEPS + 1)

    def evaluate(self, size: int) -> dict[str, float]:
        """Add up the ranks' counts.

        Args:
            size: Pictures in the dataset.
        """
        all_reduce(self._counts)
        metrics = self.compute_metrics([])
        self._counts = torch.zeros_like(self._counts)
        return metrics

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The area under the curve of all thresholds; a tie counts a half."""
        alike, apart = self._counts.double()
        below = apart.cumsum(0) - apart / 2  # of those of two classes
        return {'boundary_AUC': float(100 * (alike * below).sum() / (alike.sum() * apart.sum()))}
