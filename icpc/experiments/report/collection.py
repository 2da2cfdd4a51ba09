"""The runs that a report is about: a study's, or work dirs that are grouped by their configs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...run_dir.config_difference import difference, flatten
from ...run_dir.record import RESOLVED, read_json, read_record
from ..study.runs import Run
from ..study.schema import Study
from ..study.study_files import INDEX

# What differs between the seeds of one row, and says where, not what: the weights that load_from
# held are in the fingerprint of the weights.
SEED_KEYS = ('seed', 'randomness.seed', 'work_dir', 'load_from', 'resume')
_METRICS = ('mIoU', 'score_mIoU')  # of runs that belong to no study


@dataclass(frozen=True)
class Collection:
    """Runs in rows.

    Attributes:
        study: What they belong to, or a stand-in made from their configs.
        runs: The runs, finished or not.
    """

    study: Study
    runs: list[Run]

    @property
    def finished(self) -> list[Run]:
        """Those with results."""
        return [run for run in self.runs if run.finished]

    def of(self, regime: str, row: str) -> list[Run]:
        """The finished runs of one row."""
        return [run for run in self.finished if (run.regime, run.row) == (regime, row)]


def collect(folders: Sequence[Path], baseline: str | None = None) -> Collection:
    """Find the runs of a study's folder, or take work dirs as they are.

    Args:
        folders: One folder that tools/ablate.py wrote, or work dirs of runs.
        baseline: Row that the others are compared with, instead of the study's or the first.

    Raises:
        UserError: For a folder with no finished run, or an unknown baseline.
    """
    if len(folders) == 1 and (folders[0] / INDEX).is_file():
        found = _from_index(folders[0], baseline)
    else:
        found = _from_work_dirs(folders, baseline)
    if not found.finished:
        raise UserError(f'{folders[0]}: none of the {len(found.runs)} runs is finished')
    return found


def _run(regime: str, row: str, seed: str, work_dir: Path) -> Run:
    code = (read_record(work_dir) or {}).get('fingerprints', {}).get('code', '')
    return Run(regime, row, seed, work_dir, code)


def _from_index(folder: Path, baseline: str | None) -> Collection:
    index = read_json(folder / INDEX)
    runs = [
        _run(entry['regime'], entry['row'], entry['seed'], folder / entry['work_dir'])
        for entry in index['runs']
    ]
    comparisons = {name: tuple(pair) for name, pair in index['comparisons'].items()}
    study = _study(index['name'], runs, index['metrics'], index['split'], comparisons)
    return Collection(study.with_baseline(baseline or index['baseline']), runs)


def _study(
    name: str, runs: Sequence[Run], metrics: dict, split: str, comparisons: dict[str, Any]
) -> Study:
    return Study(
        name=name,
        base=Path(),
        seeds={run.seed: {} for run in runs},
        metrics=metrics,
        rows={run.row: {} for run in runs},
        split=split,
        regimes={run.regime: {} for run in runs},
        comparisons=comparisons,
    )


def _from_work_dirs(folders: Sequence[Path], baseline: str | None) -> Collection:
    """Runs from equal weights whose configs differ in the seed alone make a row.

    It has the name of its first run's folder.
    """
    rows: dict[str, tuple[dict[str, Any], str | None]] = {}
    runs = []
    for folder in folders:
        record = read_record(folder)
        if record is None or not (folder / RESOLVED).is_file():
            raise UserError(f'{folder}: neither a run (run.json) nor a study ({INDEX})')
        config = flatten(read_json(folder / RESOLVED))
        weights = record.get('fingerprints', {}).get('weights')
        same = [
            row
            for row, (other, start) in rows.items()
            if start == weights and not difference(other, config, SEED_KEYS)
        ]
        row = same[0] if same else folder.name
        rows.setdefault(row, (config, weights))
        seed = str(record['seed'])
        taken = [run.work_dir for run in runs if (run.row, run.seed) == (row, seed)]
        if taken:
            raise UserError(
                f'{folder} has the config and the seed of {taken[0]}: a repetition is no further '
                'seed; leave one of them out (tools/reproduce.py compares the two)'
            )
        runs.append(_run('', row, seed, folder))
    results = [read_record(run.work_dir)['metrics'] for run in runs if run.finished]
    split = 'test' if all('test' in result for result in results) else 'val'
    known = {key for result in results for key in result.get(split, {})}
    metrics = {key: key for key in _METRICS if key in known}
    study = _study(' and '.join(rows), runs, metrics, split, {})
    return Collection(study.with_baseline(baseline or next(iter(rows))), runs)
