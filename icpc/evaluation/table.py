"""IoU and accuracy from confusion counts, and the per-class table."""

from dataclasses import dataclass

import torch
from rich.table import Table
from torch import Tensor


@dataclass(frozen=True)
class Scores:
    """Scores of one kind of prediction, in percent; nan where a class occurs nowhere.

    Attributes:
        iou: (K,) intersection over union.
        acc: (K,) share of a class's pixels that were found.
        overall: Share of all labelled pixels that are right (aAcc).
        wrong: (K,) pixels wrongly taken for a class, as a share of its union.
        missed: (K,) pixels of a class that were taken for others, as a share of its union.
        weighted_iou: Mean IoU of the classes in the truth, weighted by their pixels there.
    """

    iou: Tensor
    acc: Tensor
    overall: float
    wrong: Tensor
    missed: Tensor
    weighted_iou: float

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that occur in truth or prediction."""
        return self.iou.nanmean().item()

    @property
    def truth_mean_iou(self) -> float:
        """Mean over the classes that occur in the truth; one that is only predicted is left out."""
        return self.iou[~self.acc.isnan()].nanmean().item()

    @property
    def mean_acc(self) -> float:
        """Mean over the classes that occur in the truth."""
        return self.acc.nanmean().item()


def scores(confusion: Tensor) -> Scores:
    """Compute the scores.

    Args:
        confusion: (K, K) int64 pixel counts, row = truth, column = prediction, none ignored.
    """
    counts = confusion.double()
    hit, truth, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    overall = (hit.sum() / counts.sum()).item() * 100
    union = truth + predicted - hit
    iou = 100 * hit / union
    return Scores(
        iou,
        100 * hit / truth,
        overall,
        wrong=100 * (predicted - hit) / union,
        missed=100 * (truth - hit) / union,
        weighted_iou=((truth * iou.nan_to_num()).sum() / truth.sum()).item(),
    )


def per_class_table(names: list[str], results: dict[str, Scores]) -> Table:
    """A rich table, one row a class.

    Args:
        names: Class names, K of them.
        results: `head` and, with text, `score_map`.
    """
    table = Table(title='per class, percent')
    table.add_column('class', no_wrap=True)
    columns: list[Tensor] = []
    for key, result in results.items():
        label = key.replace('_', ' ')
        table.add_column(f'IoU {label}', justify='right')
        columns.append(result.iou)
        if key == 'head':
            table.add_column(f'Acc {label}', justify='right')
            columns.append(result.acc)
    for index, name in enumerate(names):
        table.add_row(name, *(_percent(column[index]) for column in columns))
    table.add_section()
    table.add_row('mean', *(_percent(column.nanmean()) for column in columns))
    return table


def _percent(value: Tensor) -> str:
    return '-' if torch.isnan(value) else f'{value.item():.2f}'
