"""A study file: which runs to compare, on which seeds, by which metrics."""

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ValidationError, model_validator

from ...config.user_modules import python_values
from ...errors import UserError, did_you_mean
from ...startup.packaged import find_config, packaged_config
from .variables import Axis, Metrics, Name, Overrides, Seeds, fault_of

_WHAT = {
    'base': "a config's path, relative to the file, or the name of a packaged config",
    'rows': 'a dict (name -> overrides)',
    'grid': 'a dict (key -> list of values, or dict (label -> overrides))',
    'seeds': 'a list of whole numbers from 0, or a dict (label -> overrides), with one at least',
    'regimes': 'a dict (name -> overrides)',
    'shared': 'a dict of overrides (key -> value)',
    'metrics': "a list of keys of the results, such as 'mIoU', or a dict (column -> key, or "
    "dict(classes=[...], of='head' or 'score_map'))",
    'split': "'val' or 'test'",
    'baseline': 'the name of a row, or None',
    'comparisons': 'a dict (name -> (row, reference row))',
}


def _two_rows(pair: tuple[str, str]) -> tuple[str, str]:
    if pair[0] == pair[1]:
        raise ValueError('must be two different rows')
    return pair


class Study(BaseModel, frozen=True, extra='forbid'):
    """What a study comes to, checked.

    Attributes:
        name: The file's name.
        base: The config all runs start from.
        seeds: Label -> overrides; rows are compared in pairs of equal label.
        metrics: Column -> key of the split's results, or a subset of classes.
        rows: Name -> overrides.
        baseline: The row that the others are compared with; None for no comparison.
        split: `test`, or `val` for choosing settings; then the test split is not even read.
        shared: Overrides of all runs.
        regimes: Name -> overrides; each has a table of its own.
        comparisons: Name -> (row, reference row), further differences.
    """

    name: str
    base: Path
    seeds: Seeds = {'0': {'seed': 0}}
    metrics: Metrics
    rows: dict[str, Overrides] = {}
    baseline: str | None = None
    split: Literal['val', 'test'] = 'test'
    shared: Overrides = {}
    regimes: dict[str, Overrides] = {'': {}}
    comparisons: dict[str, Annotated[tuple[Name, Name], AfterValidator(_two_rows)]] = {}

    def with_baseline(self, baseline: str | None) -> 'Study':
        """The study with another baseline; None keeps the study's own.

        Raises:
            UserError: When there is no such row.
        """
        return self if baseline is None else Study(**{**vars(self), 'baseline': baseline})

    @model_validator(mode='after')
    def _check_compared(self) -> 'Study':
        compared = [name for pair in self.comparisons.values() for name in pair]
        for name in [*([] if self.baseline is None else [self.baseline]), *compared]:
            if name not in self.rows:
                hint = did_you_mean(name, self.rows)
                rows = ', '.join(map(repr, self.rows))
                raise UserError(f'there is no row {name!r}{hint} (rows: {rows})')
        return self


class _Rows(BaseModel):
    """The two ways to name rows: one by one, and as the product of the axes of a grid."""

    rows: dict[Name, Overrides]
    grid: dict[Name, Axis]

    def together(self) -> dict[str, Overrides]:
        """All rows: those of `grid` follow those of `rows`."""
        more = _grid_rows(self.grid)
        for name in self.rows.keys() & more.keys():
            raise UserError(f'rows and grid both have a row {name!r}; rename the one of rows')
        if not self.rows and not more:
            raise UserError('set rows (name -> overrides) or grid (key -> values)')
        return {**self.rows, **more}


def _grid_rows(grid: dict[str, Any]) -> dict[str, Overrides]:
    """The product of the axes: `{key: [values]}`, or `{axis: {label: overrides}}`."""
    axes = []
    for key, values in grid.items():
        short = key.rpartition('.')[2]
        listed = [(f'{short}={value}', {key: value}) for value in values]
        axes.append(list(values.items()) if isinstance(values, dict) else listed)
    return {
        ', '.join(label for label, _ in cell): merge(*(overrides for _, overrides in cell))
        for cell in (itertools.product(*axes) if axes else ())
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


def load_study(path: str | Path) -> Study:
    """Read a study file: Python that sets `base`, `rows` or `grid`, `seeds`, `metrics` and more.

    Helper variables start with an underscore. `base` is relative to the file, or
    the name of a packaged config.

    Raises:
        UserError: For an error in the file, and a missing, unknown, wrong or contradictory value.
    """
    path = find_config(path, 'study')
    given = python_values(path)
    try:
        return _study(path, given)
    except ValidationError as error:
        raise UserError(f'{path}: {fault_of(error, _WHAT)}') from error
    except UserError as error:
        raise UserError(f'{path}: {error}') from error


def _study(path: Path, given: dict[str, Any]) -> Study:
    for key in given.keys() - _WHAT.keys():
        hint = did_you_mean(key, _WHAT) or f'; name it _{key} if only the file itself uses it'
        raise UserError(f'a study has no {key}{hint}')
    for key in ('base', 'metrics'):
        if given.get(key) in (None, '', [], (), {}):
            raise UserError(f'set {key}, without which it is no study')
    rows = _Rows(rows=given.pop('rows', {}), grid=given.pop('grid', {})).together()
    if given.get('regimes') == {}:
        del given['regimes']
    study = Study(name=path.stem, rows=rows, **given)
    base = (path.parent / study.base).resolve()
    if not base.is_file():
        packaged = packaged_config(study.base)
        if packaged is None:
            raise UserError(f'base={base} is no file, and {study.base} no packaged config')
        base = packaged.resolve()
    return study.model_copy(update={'base': base})
