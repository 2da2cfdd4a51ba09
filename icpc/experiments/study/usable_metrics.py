"""Which metrics of a study its finished runs can tell."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import UserError, did_you_mean
from ...run_dir.record import CONFUSION, read_record
from ..tables.study_results import TableResult, value_of
from .runs import Run
from .schema import Study
from .variables import ClassSubset


def usable_metrics(study: Study, runs: Sequence[Run]) -> tuple[Study, list[str]]:
    """A study less the metrics that its finished runs cannot tell, and what is wrong with these.

    A metric that no run has is left out once every regime has finished runs.

    Args:
        study: The study.
        runs: All its runs.
    """
    records = {run: read_record(run.work_dir) for run in runs if run.finished}
    everywhere = {run.regime for run in records} == set(study.regimes)
    faults = {}
    for name, metric in study.metrics.items():
        try:
            found = [value_of(run, record, metric, study.split) for run, record in records.items()]
        except UserError as error:
            faults[name] = f'No table of {name!r}: {error}.'
            continue
        if everywhere and all(value is None for value in found):
            faults[name] = _unknown(name, metric, study.split, records.values())
    metrics = {name: metric for name, metric in study.metrics.items() if name not in faults}
    return study.model_copy(update={'metrics': metrics}), list(faults.values())


def _unknown(
    name: str, metric: str | ClassSubset, split: str, records: Iterable[dict[str, Any]]
) -> str:
    if isinstance(metric, ClassSubset):
        return f'No table of {name!r}: no run counted the {metric.of} in {CONFUSION}.'
    keys = {key for record in records for key in record['metrics'].get(split, {})} - {'step'}
    there = ', '.join(sorted(keys)) or 'none'
    return (
        f'No table of {name!r}: no run has {metric!r} on the {split} split'
        f'{did_you_mean(metric, keys)} (there are: {there}).'
    )


def lacking(tables: Sequence[TableResult]) -> list[str]:
    """Sentences that name the rows whose finished runs have no value of a metric.

    Args:
        tables: All tables of a study.
    """
    found: dict[str, list[str]] = {}
    for table in tables:
        for row in (row for row in table.rows if row.lacks):
            names = found.setdefault(table.metric, [])
            names += [row.row] if row.row not in names else []
    return [
        f'{metric}: none for {", ".join(map(repr, names))}, whose runs do not measure it (as a '
        'model without text has no score map).'
        for metric, names in found.items()
    ]
