"""What a study's finished runs gave, row by row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..study.wanted_metrics import Results
from .statistics import Summary, holm, paired_difference, summarise


@dataclass(frozen=True)
class Cost:
    """Means over a row's finished runs; nan where there are none.

    Attributes:
        parameters: The number of parameters that are trained.
        seconds: The time of a run, from its start to the end of its evaluation.
        memory: The peak memory in MiB: of the GPU where there is one, else of the process.
    """

    parameters: float
    seconds: float
    memory: float


@dataclass(frozen=True)
class RowResult:
    """One row of one table.

    Attributes:
        row: The name of the row.
        wanted: The number of seeds in the study.
        summary: The mean and the spread of the metric.
        difference: To the baseline; None for the baseline itself, and without one.
        adjusted_p: Holm's, over the table's rows; nan without a difference.
        cost: What the row's runs took.
    """

    row: str
    wanted: int
    summary: Summary
    difference: Summary | None
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
    comparisons: dict[str, Summary]

    @property
    def has_values(self) -> bool:
        """Whether any row has a value of the metric."""
        return any(row.summary.n for row in self.rows)


def tabulate(results: Results) -> list[TableResult]:
    """Compute every table of a study from what is finished.

    A metric that only other regimes have, such as the mean over held-out classes, gets no table.

    Args:
        results: What the finished runs gave.
    """
    tables = []
    for regime in results.study.regimes:
        records: dict[str, list] = {row: [] for row in results.study.rows}
        for run, record in results.records.items():
            if run.regime == regime:
                records[run.row].append(record)
        costs = {row: _cost(found) for row, found in records.items()}
        group = [_table(results, regime, metric, costs) for metric in results.values]
        tables += [table for table in group if table.has_values] or group
    return tables


def _table(results: Results, regime: str, metric: str, costs: dict[str, Cost]) -> TableResult:
    study = results.study
    values: dict[str, dict[str, float]] = {row: {} for row in study.rows}
    for run, value in results.values[metric].items():
        if run.regime == regime:
            values[run.row][run.seed] = value
    compared = [row for row in values if study.baseline not in (None, row)]
    differences = {row: paired_difference(values[row], values[study.baseline]) for row in compared}
    adjusted = dict(zip(compared, holm([d.p for d in differences.values()]), strict=True))
    rows = [
        RowResult(
            row,
            len(study.seeds),
            summarise(list(own.values())),
            differences.get(row),
            adjusted.get(row, math.nan),
            costs[row],
        )
        for row, own in values.items()
    ]
    comparisons = {
        name: paired_difference(values[row], values[reference])
        for name, (row, reference) in study.comparisons.items()
    }
    return TableResult(regime, metric, study.baseline, rows, comparisons)


def rows_without_value(tables: Sequence[TableResult]) -> list[str]:
    """Sentences that name the rows whose finished runs have no value of a metric.

    Args:
        tables: All tables of a study.
    """
    found: dict[str, dict[str, None]] = {}
    for table in tables:
        for row in table.rows:
            if row.lacks:
                found.setdefault(table.metric, {})[row.row] = None
    return [
        f'{metric}: none for {", ".join(map(repr, names))}, whose runs do not measure it (as a '
        'model without text has no score map).'
        for metric, names in found.items()
    ]


def _memory(peaks: dict[str, float]) -> float:
    return peaks.get('gpu', peaks.get('process', math.nan))


def _cost(records: list[dict[str, Any]]) -> Cost:
    def mean(numbers: list[float]) -> float:
        return float(np.mean(numbers)) if numbers else math.nan

    return Cost(
        mean([(r.get('parameters') or {}).get('trained', math.nan) for r in records]),
        mean([r.get('seconds') or math.nan for r in records]),
        mean([_memory(r.get('memory_mib') or {}) for r in records]),
    )
