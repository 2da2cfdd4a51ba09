"""The score of class activation maps at the background's best threshold."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from torch import Tensor

from ...errors import UserError
from ...evaluation.confusion import confusion
from ...evaluation.table import scores


@METRICS.register_module()
class SweptCAM(BaseMetric):
    """mIoU of CAMs, the threshold of the background swept: `cam_mIoU` and `cam_threshold`.

    A pixel is the class of the largest map where that is above the threshold, else background.
    As in CLIMS' evaluation of CAMs, the mean is over the classes that occur in truth or prediction;
    the truth's `ignore_index` does not count.

    Args:
        thresholds: In 0..1.
        ignore_index: Label that does not count.
        truth_only: Gives `cam_truth_mIoU`, too, at the same threshold: the mean over the classes of
            the truth alone, the rule of DeepLab's evaluation.

    Attributes:
        results_by_threshold: threshold -> scores of the last evaluation.
    """

    def __init__(
        self,
        thresholds: Sequence[float] | None = None,
        ignore_index: int = 255,
        truth_only: bool = False,
    ) -> None:
        super().__init__(collect_device='cpu', prefix='')
        self.truth_only = truth_only
        self.thresholds = [n / 50 for n in range(1, 40)] if thresholds is None else [*thresholds]
        if not self.thresholds or not all(0 <= one < 1 for one in self.thresholds):
            raise UserError(f'SweptCAM.thresholds must lie in 0..1, got {thresholds}')
        self.ignore_index = ignore_index
        self.results_by_threshold: dict[float, Any] = {}
        self._counts: Tensor | None = None
        self._seen = 0

    @property
    def result_keys(self) -> list[str]:
        """The keys that `evaluate` returns."""
        return ['cam_mIoU', 'cam_threshold', *(['cam_truth_mIoU'] if self.truth_only else [])]

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add a batch.

        Args:
            data_batch: Not used.
            data_samples: Dicts with `gt_sem_seg.data` (1, H, W) and `pred_cam.data` (K, H, W).
        """
        for sample in data_samples:
            maps = sample['pred_cam']['data']
            counts = swept_confusion(
                maps, sample['gt_sem_seg']['data'][0], self.thresholds, self.ignore_index
            )
            if counts[:, -1].any():
                path = sample.get('img_path', 'a picture')
                raise UserError(f'{path}: its mask holds an id outside the {len(maps) + 1} classes')
            total = counts[:, :-2].cpu()
            self._counts = total if self._counts is None else self._counts + total
            self._seen += 1

    def evaluate(self, size: int) -> dict[str, float]:
        """Add up the ranks' counts.

        Args:
            size: Pictures in the dataset.
        """
        classes = len(self.dataset_meta['classes'])
        if self._counts is None:
            self._counts = torch.zeros(len(self.thresholds), classes, classes, dtype=torch.int64)
        seen = torch.tensor(self._seen)
        if get_world_size() > 1:
            all_reduce(self._counts)
            all_reduce(seen)
        if int(seen) != size:
            raise UserError(
                f'{int(seen)} pictures were evaluated, the dataset has {size}: set round_up=False '
                'on its sampler'
            )
        found = map(scores, self._counts)
        self.results_by_threshold = dict(zip(self.thresholds, found, strict=True))
        self._counts, self._seen = None, 0
        return self.compute_metrics([])

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The metrics of the last evaluation."""
        best = max(self.thresholds, key=lambda one: self.results_by_threshold[one].mean_iou)
        found = self.results_by_threshold[best]
        metrics = {'cam_mIoU': found.mean_iou, 'cam_threshold': best}
        return metrics | ({'cam_truth_mIoU': found.truth_mean_iou} if self.truth_only else {})


def swept_confusion(
    maps: Tensor, labels: Tensor, thresholds: Sequence[float], ignore_index: int
) -> Tensor:
    """Confusion counts of maps at several thresholds of the background.

    Args:
        maps: (K, H, W) in 0..1, zero for classes that the picture does not show.
        labels: (H, W) ids 0 .. K, 0 being the background, or ``ignore_index``.
        thresholds: T of them.
        ignore_index: label that does not count.

    Returns:
        (T, K + 3, K + 1) int64, as :func:`confusion` without the column of predictions outside.
    """
    classes = len(maps) + 1
    value, best = maps.max(dim=0)
    return torch.stack(
        [
            confusion((best + 1) * (value > one), labels, classes, ignore_index)[:, :classes]
            for one in thresholds
        ]
    )
