"""The metrics that a study asks for: whether its runs can give them, and what they gave."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ...class_lookup import class_indices
from ...errors import UserError, did_you_mean
from ...evaluation.confusion_file import read_confusion
from ...evaluation.streaming_iou import StreamingIoU
from ...evaluation.table import scores
from ...run_dir.record import CONFUSION
from .runs import Run, finished_records
from .schema import Study
from .variables import ClassSubset


@dataclass(frozen=True)
class Results:
    """What the finished runs of a study gave.

    Attributes:
        study: The study, less the metrics that its runs cannot tell.
        records: The record of each finished run.
        values: Metric -> run -> value, of the runs that have one: a model without text has no
            score map.
        faults: A sentence for each metric that was left out.
    """

    study: Study
    records: dict[Run, dict[str, Any]]
    values: dict[str, dict[Run, float]]
    faults: list[str]


def read_results(study: Study, runs: Iterable[Run]) -> Results:
    """Read what is finished; a metric that no run has is left out once every regime has results.

    Args:
        study: The study.
        runs: All its runs.
    """
    results = Results(study, finished_records(runs), {}, [])
    everywhere = {run.regime for run in results.records} == set(study.regimes)
    for name, metric in study.metrics.items():
        try:
            found = {
                run: value_of(run, record, metric, study.split)
                for run, record in results.records.items()
            }
        except UserError as error:
            results.faults.append(f'No table of {name!r}: {error}.')
            continue
        found = {run: value for run, value in found.items() if value is not None}
        if found or not everywhere:
            results.values[name] = found
        else:
            results.faults.append(f'No table of {name!r}: {_absent(metric, results)}.')
    told = {name: study.metrics[name] for name in results.values}
    return replace(results, study=study.model_copy(update={'metrics': told}))


def _absent(metric: str | ClassSubset, results: Results) -> str:
    if isinstance(metric, ClassSubset):
        return f'no run counted the {metric.of} in {CONFUSION}'
    split = results.study.split
    keys = {
        key
        for record in results.records.values()
        for key in (record.get('metrics') or {}).get(split, {})
    }
    there = ', '.join(sorted(keys - {'step'})) or 'none'
    hint = did_you_mean(metric, keys - {'step'})
    return f'no run has {metric!r} on the {split} split{hint} (there are: {there})'


def value_of(
    run: Run, record: dict[str, Any], metric: str | ClassSubset, split: str
) -> float | None:
    """A run's value of one metric; None where it has none, as a model without text.

    Args:
        run: The run.
        record: Its record.
        metric: A key of the split's results, one of another split's (`train/refined_mIoU`), or a
            subset of classes.
        split: `val` or `test`.
    """
    if isinstance(metric, ClassSubset):
        return subset_iou(run.work_dir / CONFUSION, metric)
    other, _, key = metric.rpartition('/')
    return (record.get('metrics') or {}).get(other or split, {}).get(key)


def subset_iou(path: Path, subset: ClassSubset) -> float | None:
    """Mean IoU, in percent, over some classes; predictions of all classes count.

    None where there is no such kind of prediction, or no counts at all.

    Args:
        path: The confusion counts that a run wrote.
        subset: The classes.
    """
    counts = read_confusion(path) if path.is_file() else {}
    if subset.of not in counts:
        return None
    names, iou = counts['class_names'].tolist(), scores(torch.from_numpy(counts[subset.of])).iou
    return iou[class_indices(subset.classes, names, str(path))].nanmean().item()


def check_metrics(study: Study, configs: Sequence[dict[str, Any]]) -> None:
    """Raise unless some run can give each metric; metrics of another evaluator are taken as given.

    Args:
        study: The study.
        configs: The resolved configs of its runs.

    Raises:
        UserError: For a misspelt class, kind of prediction or key.
    """
    evaluators = [config.get(f'{study.split}_evaluator') for config in configs]
    parts = [part for one in evaluators for part in (one if isinstance(one, list) else [one])]
    ours = [_built(part) for part in parts if _is_ours(part)]
    kinds = {kind for metric in ours for kind in metric.keys}
    keys = {key for metric in ours for key in metric.result_keys}
    for name, metric in study.metrics.items():
        where = f'metrics[{name!r}]'
        if isinstance(metric, ClassSubset):
            if kinds and metric.of not in kinds:
                hint, there = did_you_mean(metric.of, kinds), ', '.join(sorted(kinds))
                raise UserError(f'{where}: there is no of={metric.of!r}{hint} (there are: {there})')
            named = (config.get('class_names') for config in configs)
            for names in {tuple(names) for names in named if names is not None}:
                class_indices(metric.classes, names, where)
        elif metric not in keys and len(ours) == len(parts):
            hint, there = did_you_mean(metric, keys), ', '.join(sorted(keys))
            raise UserError(f'{where}: no run gives {metric!r}{hint} (they give: {there})')


def _is_ours(part: Any) -> bool:
    return isinstance(part, dict) and part.get('type') in ('StreamingIoU', StreamingIoU)


def _built(part: dict[str, Any]) -> StreamingIoU:
    return StreamingIoU(**{key: value for key, value in part.items() if key != 'type'})
