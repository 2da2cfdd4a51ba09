"""mIoU of several predictions at once, from confusion counts that grow picture by picture."""

import io
import logging
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS
from rich.console import Console
from torch import Tensor

from ..class_lookup import class_indices
from ..errors import UserError
from .confusion import confusion
from .table import Scores, per_class_table, scores

_GROUPS, _PARTS = ('base', 'held_out'), ('seen', 'unseen')
_DEFAULT_KEYS = {'head': 'pred_sem_seg', 'score_map': 'pred_score_map'}


@METRICS.register_module()
class StreamingIoU(BaseMetric):
    """Accumulates a (K, K) confusion matrix in int64 for each kind of prediction, on its device.

    `head` gives mIoU, mAcc and aAcc; any other key gives its mIoU under its own name
    (`score_map` -> `score_mIoU`). A prediction that no sample carries is left out.

    With `held_out_classes` the means over them and over the others, the base, follow as
    `held_out_mIoU`, `base_mIoU`, `score_held_out_mIoU` and so on: predictions of all classes count.
    With `seen_conditions` the mIoU over the pictures of these conditions and over all others follow
    as `seen_mIoU`, `unseen_mIoU`, `score_seen_mIoU` and so on, each where there are such pictures.

    All these are means over the classes that occur in truth or prediction. With `truth_only` the
    means over those in the truth alone, the rule of DeepLab's evaluation, follow as `truth_mIoU`,
    `score_truth_mIoU`: they differ where a class of no picture is predicted.

    Args:
        keys: `{name: field of the data sample}`; must hold `head`.
        ignore_index: Label that does not count.
        held_out_classes: Names of the classes that gave no training signal; None for none.
        seen_conditions: Conditions of the pictures that were trained on; None for all.
        truth_only: Whether the means over the classes of the truth are given, too.

    Attributes:
        confusion: `{name: (K, K) counts}` of the last evaluation, empty before the first.
        results_by_key: `{name: scores}` of the same.
    """

    def __init__(
        self,
        keys: dict[str, str] | None = None,
        ignore_index: int = 255,
        held_out_classes: Sequence[str] | None = None,
        seen_conditions: Sequence[str] | None = None,
        truth_only: bool = False,
    ) -> None:
        super().__init__(collect_device='cpu', prefix='')
        self.keys = dict(keys or _DEFAULT_KEYS)
        if 'head' not in self.keys:
            raise UserError(f"StreamingIoU: keys must hold 'head', got {list(self.keys)}")
        self.ignore_index = ignore_index
        self.held_out_classes = held_out_classes
        self.seen_conditions = seen_conditions
        self.truth_only = truth_only
        self.confusion: dict[str, Tensor] = {}
        self.results_by_key: dict[str, Scores] = {}
        self._reset()

    def _reset(self) -> None:
        self._counts: dict[str, Tensor] = {}
        self._seen = dict.fromkeys([*self.keys, 'pictures'], 0)

    def _count(self, key: str, device: torch.device | str = 'cpu') -> Tensor:
        """(parts, K, K) counts of a kind of prediction; parts: all pictures, or seen and unseen.

        They stay on the ``device`` of the first prediction until the evaluation ends.
        """
        if key not in self._counts:
            classes = len(self.dataset_meta['classes'])
            parts = 1 if self.seen_conditions is None else len(_PARTS)
            self._counts[key] = torch.zeros(parts, classes, classes, dtype=torch.int64).to(device)
        return self._counts[key]

    @property
    def class_names(self) -> list[str]:
        """The dataset's classes."""
        return [str(name).strip() for name in self.dataset_meta['classes']]

    @property
    def result_keys(self) -> list[str]:
        """The keys that `evaluate` may return."""
        groups = ['', *(_GROUPS if self.held_out_classes is not None else ())]
        groups += _PARTS if self.seen_conditions is not None else ()
        groups += ('truth',) if self.truth_only else ()
        return ['mAcc', 'aAcc', *(_mean_of(key, group) for key in self.keys for group in groups)]

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add a batch.

        Args:
            data_batch: Not used.
            data_samples: Dicts with `gt_sem_seg.data` and the predictions' `data`, (1, H, W).

        Raises:
            UserError: When a mask or a prediction holds an id outside the classes.
        """
        classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            label = sample['gt_sem_seg']['data'].squeeze(0)
            part = self._part(sample)
            self._seen['pictures'] += 1
            for key, field in self.keys.items():
                if field not in sample:
                    continue
                self._seen[key] += 1
                counts = confusion(
                    sample[field]['data'].squeeze(0), label, classes, self.ignore_index
                )
                _refuse_outside(counts, field, sample.get('img_path', 'a picture'))
                total = self._count(key, counts.device)
                total[part] += counts[:classes, :classes].to(total.device)

    def _part(self, sample: dict) -> int:
        """Index of the picture's part: 0, and 1 where its condition was not trained on."""
        if self.seen_conditions is None:
            return 0
        if 'condition' not in sample:
            raise UserError(
                f'{sample.get("img_path", "a picture")} has no condition, which seen_conditions '
                "needs: PackSegInputs of the test pipeline must pack it (meta_keys='${meta_keys}')"
            )
        return int(sample['condition'] not in self.seen_conditions)

    def evaluate(self, size: int) -> dict[str, float]:
        """Add up the ranks' counts and return the metrics, in percent.

        Args:
            size: Pictures in the dataset.

        Raises:
            UserError: When pictures were counted twice or left out, or only some have a prediction.
        """
        seen = torch.tensor([self._seen[key] for key in [*self.keys, 'pictures']])
        if get_world_size() > 1:
            all_reduce(seen)
            for key in self.keys:
                all_reduce(self._count(key))
        *carried, pictures = seen.tolist()
        if pictures != size:
            raise UserError(
                f'{pictures} pictures were evaluated, the dataset has {size}: set round_up=False '
                'on its sampler'
            )
        for key, number in zip(self.keys, carried, strict=True):
            if number not in (0, pictures) or (key == 'head' and number == 0):
                raise UserError(f'{number} of {pictures} predictions carry {self.keys[key]}')
        present = [key for key, number in zip(self.keys, carried, strict=True) if number]
        self._by_part = {key: self._count(key).cpu() for key in present}
        self.confusion = {key: counts.sum(dim=0) for key, counts in self._by_part.items()}
        self.results_by_key = {key: scores(counts) for key, counts in self.confusion.items()}
        self._reset()
        return self.compute_metrics([])

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The metrics of the last evaluation; logs the per-class table."""
        head = self.results_by_key['head']
        metrics = {'mIoU': head.mean_iou, 'mAcc': head.mean_acc, 'aAcc': head.overall}
        for key, result in self.results_by_key.items():
            metrics[_mean_of(key)] = result.mean_iou
            if self.truth_only:
                metrics[_mean_of(key, 'truth')] = result.truth_mean_iou
            for group, classes in self._groups().items():
                metrics[_mean_of(key, group)] = result.iou[classes].nanmean().item()
            for part, counts in self._conditions(key).items():
                metrics[_mean_of(key, part)] = scores(counts).mean_iou
        table = io.StringIO()
        Console(width=100, file=table, markup=False).print(
            per_class_table(self.class_names, self.results_by_key)
        )
        print_log(f'\n{table.getvalue()}', 'current', logging.INFO)
        return metrics

    def _groups(self) -> dict[str, list[int]]:
        """Names and class ids of the groups that have a mean of their own."""
        if self.held_out_classes is None:
            return {}
        held_out = class_indices(self.held_out_classes, self.class_names, 'held_out_classes')
        base = [index for index in range(len(self.class_names)) if index not in held_out]
        return dict(zip(_GROUPS, (base, held_out), strict=True))

    def _conditions(self, key: str) -> dict[str, Tensor]:
        """Names and counts (K, K) of the parts by condition that have pictures."""
        if self.seen_conditions is None:
            return {}
        parts = zip(_PARTS, self._by_part[key], strict=True)
        return {part: counts for part, counts in parts if counts.any()}


def _mean_of(key: str, group: str = '') -> str:
    """The name of a mean IoU: `mIoU` of the head, `score_held_out_mIoU` of the score map."""
    kind = '' if key == 'head' else key.removesuffix('_map')
    return '_'.join(word for word in (kind, group, 'mIoU') if word)


def _refuse_outside(counts: Tensor, field: str, path: str) -> None:
    if counts[-1].any():
        raise UserError(f'{path}: its mask holds an id outside the {len(counts) - 2} classes')
    if counts[:, -1].any():
        raise UserError(f'{path}: {field} holds an id outside the {len(counts) - 2} classes')
