"""What a study's finished runs gave, row by row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...class_lookup import class_indices
from ...errors import UserError, did_you_mean
from ...evaluation.confusion_file import read_confusion
from ...evaluation.table import scores
from ...run_dir.record import CONFUSION, read_record
from ..study.runs import Run
from ..study.schema import Study
from ..study.variables import ClassSubset
from .statistics import Difference, Summary, holm, paired_difference, summarise


@dataclass(frozen=True)
class Cost:
    """Means over a row's finished runs; nan where there are none.

    Attributes:
        parameters: That are trained.
        seconds: Of a run, from its start to the end of its evaluation.
        memory: Peak, MiB: of the GPU where there is one, else of the process.
    """

    parameters: float
    seconds: float
    memory: float


@dataclass(frozen=True)
class RowResult:
    """One row of one table.

    Attributes:
        row: Its name.
        wanted: Seeds in the study.
        summary: Of the metric.
        difference: To the baseline; None for the baseline itself, and without one.
        adjusted_p: Holm's, over the table's rows; nan without a difference.
        cost: Of the row's runs.
    """

    row: str
    wanted: int
    summary: Summary
    difference: Difference | None
    adjusted_p: float
    cost: Cost

    @property
    def lacks(self) -> bool:
        """Whether the row has finished runs and none of them has the metric."""
        return self.summary.n == 0 and not math.isnan(self.cost.seconds)


@dataclass(frozen=True)
class TableResult:
    """All rows of one regime by one metric.

    Attributes:
        regime: Empty where the study has none.
        metric: The column's name.
        baseline: The reference row, or None.
        rows: In the study's order.
        comparisons: Further differences: name -> difference.
    """

    regime: str
    metric: str
    baseline: str | None
    rows: list[RowResult]
    comparisons: dict[str, Difference]


def tabulate(study: Study, runs: Sequence[Run], baseline: str | None = None) -> list[TableResult]:
    """Compute every table of a study from what is finished.

    A metric that only other regimes have, such as the mean over held-out classes, gets no table.

    Args:
        study: The study.
        runs: All its runs.
        baseline: Instead of the study's.
    """
    baseline = study.baseline if baseline is None else baseline
    if baseline is not None and baseline not in study.rows:
        raise UserError(f'there is no row {baseline!r}{did_you_mean(baseline, study.rows)}')
    records = {run: read_record(run.work_dir) for run in runs if run.finished}
    tables = []
    for regime in study.regimes:
        group = [_table(study, regime, metric, baseline, records) for metric in study.metrics]
        tables += [table for table in group if _has_values(table)] or group
    return tables


def _has_values(table: TableResult) -> bool:
    return any(row.summary.n for row in table.rows)


def _table(
    study: Study, regime: str, metric: str, baseline: str | None, records: dict[Run, dict]
) -> TableResult:
    values: dict[str, dict[str, float]] = {row: {} for row in study.rows}
    for run, record in records.items():
        if run.regime == regime:
            value = value_of(run, record, study.metrics[metric], study.split)
            if value is not None:
                values[run.row][run.seed] = value
    differences = {
        row: paired_difference(values[row], values[baseline])
        for row in values
        if baseline is not None and row != baseline
    }
    adjusted = dict(zip(differences, holm([d.p for d in differences.values()]), strict=True))
    rows = [
        RowResult(
            row,
            len(study.seeds),
            summarise(list(values[row].values())),
            differences.get(row),
            adjusted.get(row, float('nan')),
            _cost([r for run, r in records.items() if (run.regime, run.row) == (regime, row)]),
        )
        for row in values
    ]
    comparisons = {
        name: paired_difference(values[row], values[reference])
        for name, (row, reference) in study.comparisons.items()
    }
    return TableResult(regime, metric, baseline, rows, comparisons)


def value_of(
    run: Run, record: dict[str, Any], metric: str | ClassSubset, split: str
) -> float | None:
    """A run's value of one metric; None where it has none, as a model without text.

    Args:
        run: The run.
        record: Its record.
        metric: Key of the split's results, or a subset of classes.
        split: `val` or `test`.
    """
    if isinstance(metric, ClassSubset):
        return subset_iou(run.work_dir / CONFUSION, metric)
    return record['metrics'].get(split, {}).get(metric)


def subset_iou(path: Path, subset: ClassSubset) -> float | None:
    """Mean IoU, in percent, over some classes; predictions of all classes count.

    None where there is no such kind of prediction, or no counts at all.

    Args:
        path: Confusion counts that a run wrote.
        subset: The classes.
    """
    if not path.is_file():
        return None
    counts = read_confusion(path)
    if subset.of not in counts:
        return None
    names, iou = counts['class_names'].tolist(), scores(torch.from_numpy(counts[subset.of])).iou
    return iou[class_indices(subset.classes, names, str(path))].nanmean().item()


def _cost(records: list[dict[str, Any]]) -> Cost:
    def mean(numbers: list[float]) -> float:
        return float(np.mean(numbers)) if numbers else float('nan')

    return Cost(
        mean([r['parameters']['trained'] for r in records]),
        mean([r['seconds'] for r in records]),
        mean([r['memory_mib'].get('gpu', r['memory_mib']['process']) for r in records]),
    )
