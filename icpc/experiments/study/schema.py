"""A study file: which runs to compare, on which seeds, by which metrics."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import UserError, did_you_mean
from .variables import read_variables

Overrides = dict[str, Any]


@dataclass(frozen=True)
class ClassSubset:
    """A metric: the mean IoU over some classes, from the confusion counts.

    Attributes:
        classes: Names; the others still count as wrong predictions.
        of: `head` or `score_map`.
    """

    classes: tuple[str, ...]
    of: str = 'head'


@dataclass(frozen=True)
class Study:
    """What a study file says, checked.

    Attributes:
        name: The file's name.
        base: The config all runs start from.
        seeds: Label -> overrides; rows are compared in pairs of equal label.
        metrics: Column -> key of the split's results, or a subset of classes.
        split: `test`, or `val` for choosing settings; then the test split is not even read.
        shared: Overrides of all runs.
        regimes: Name -> overrides; each has a table of its own.
        rows: Name -> overrides.
        baseline: The row that the others are compared with; None for no comparison.
        comparisons: Name -> (row, reference row), further differences.
    """

    name: str
    base: Path
    seeds: dict[str, Overrides]
    metrics: dict[str, str | ClassSubset]
    rows: dict[str, Overrides]
    baseline: str | None = None
    split: str = 'test'
    shared: Overrides = field(default_factory=dict)
    regimes: dict[str, Overrides] = field(default_factory=lambda: {'': {}})
    comparisons: dict[str, tuple[str, str]] = field(default_factory=dict)


def load_study(path: str | Path) -> Study:
    """Read a study file: Python that sets `base`, `rows` or `grid`, `seeds`, `metrics` and more.

    Helper variables start with an underscore. `base` is relative to the file.

    Raises:
        UserError: For an error in the file, and a missing, unknown, wrong or contradictory value.
    """
    path = Path(path)
    given = read_variables(path)
    rows, more = given.get('rows', {}), _grid_rows(given.get('grid', {}))
    for name in rows.keys() & more.keys():
        raise UserError(f'{path}: rows and grid both have a row {name!r}; rename the one of rows')
    rows = {**rows, **more}
    if not rows:
        raise UserError(f'{path}: set rows (name -> overrides) or grid (key -> values)')
    study = Study(
        name=path.stem,
        base=(path.parent / given['base']).resolve(),
        seeds=_seeds(given.get('seeds', [0])),
        metrics=read_metrics(given['metrics']),
        rows=rows,
        **{
            key: given[key]
            for key in ('baseline', 'split', 'shared', 'comparisons')
            if key in given
        },
        **({'regimes': given['regimes']} if given.get('regimes') else {}),
    )
    _check(study, path)
    return study


def _seeds(given: Any) -> dict[str, Overrides]:
    if isinstance(given, dict):
        return {str(label): overrides for label, overrides in given.items()}
    return {str(seed): {'seed': seed} for seed in given}


def read_metrics(given: Any) -> dict[str, str | ClassSubset]:
    """Keys of the results, or `{name: key or {'classes': [...], 'of': 'score_map'}}`."""
    named = given if isinstance(given, dict) else {key: key for key in given}
    return {
        name: ClassSubset(tuple(what['classes']), what.get('of', 'head'))
        if isinstance(what, dict)
        else what
        for name, what in named.items()
    }


def _grid_rows(grid: dict[str, Any]) -> dict[str, Overrides]:
    """The product of the axes: `{key: [values]}`, or `{axis: {label: overrides}}`."""
    if not grid:
        return {}
    axes = []
    for key, values in grid.items():
        if isinstance(values, dict):
            axes.append([(label, overrides) for label, overrides in values.items()])
        else:
            short = key.rpartition('.')[2]
            axes.append([(f'{short}={value}', {key: value}) for value in values])
    return {
        ', '.join(label for label, _ in cell): merge(*(overrides for _, overrides in cell))
        for cell in itertools.product(*axes)
    }


def merge(*layers: Overrides) -> Overrides:
    """Lay overrides over each other, the later ones win.

    A later `a.b` also wins over an earlier `a=None`, and a later `a=None` over an earlier `a.b`.
    """
    merged: Overrides = {}
    for layer in layers:
        for path, value in layer.items():
            for former in list(merged):
                inside = former.startswith(f'{path}.') and not isinstance(value, dict)
                around = path.startswith(f'{former}.') and not isinstance(merged[former], dict)
                if former == path or inside or around:
                    del merged[former]
            merged[path] = value
    return merged


def _check(study: Study, path: Path) -> None:
    if not study.base.is_file():
        raise UserError(f'{path}: base={study.base} is no file')
    compared = [name for pair in study.comparisons.values() for name in pair]
    for name in [*([study.baseline] if study.baseline is not None else []), *compared]:
        if name not in study.rows:
            raise UserError(f'{path}: there is no row {name!r}{did_you_mean(name, study.rows)}')
