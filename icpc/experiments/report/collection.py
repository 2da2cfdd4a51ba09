"""The runs that a report is about: a study's, or work dirs that are grouped by their configs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...console.messages import say
from ...errors import UserError
from ...files import read_json
from ...run_dir.record import RECORD, RESOLVED, RunRecord
from ...run_dir.same_run import FREE_AND_SEED, differences, recorded_settings
from ...startup.program import name_of
from ..study.runs import Run
from ..study.schema import Study
from ..study.study_files import INDEX

_REMEDY = (
    f'make it again: {name_of("ablate")} with the study file writes it, and makes no finished run '
    'anew'
)
# Of runs that belong to no study, as far as they have them.
_METRICS = ('mIoU', 'score_mIoU', 'cam_mIoU', 'boundary_AUC', 'retrained_mIoU')
_OF_TRAINING = ('cam_mIoU', 'refined_mIoU', 'seed_mIoU')  # measured on training pictures


@dataclass(frozen=True)
class Collection:
    """Runs in rows.

    Attributes:
        study: What they belong to, or a stand-in made from their configs.
        runs: The runs, finished or not.
    """

    study: Study
    runs: list[Run]

    @cached_property
    def finished(self) -> list[Run]:
        """The runs with results."""
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
    code = RunRecord.if_whole(work_dir).fingerprints.get('code') or ''
    return Run(regime, row, seed, work_dir, code)


def _from_index(folder: Path, baseline: str | None) -> Collection:
    index = read_json(folder / INDEX, _REMEDY)
    try:
        runs = [
            _run(entry['regime'], entry['row'], entry['seed'], folder / entry['work_dir'])
            for entry in index['runs']
        ]
        comparisons = {name: tuple(pair) for name, pair in index['comparisons'].items()}
        study = _study(index['name'], runs, index['metrics'], index['split'], comparisons)
        study = study.with_baseline(index['baseline'])
    except (KeyError, TypeError, AttributeError, ValueError, UserError) as error:
        raise UserError(f'{folder / INDEX}: is damaged or was edited; {_REMEDY}') from error
    return Collection(study.with_baseline(baseline), runs)


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
    """Runs that are the same but for the seed make a row, named by the folder of its first run."""
    rows: dict[str, dict[str, Any]] = {}
    runs: dict[tuple[str, str], Run] = {}
    for folder in folders:
        if not all((folder / name).is_file() for name in (RECORD, RESOLVED)):
            raise UserError(f'{folder}: neither a run (run.json) nor a study ({INDEX})')
        try:
            own = recorded_settings(folder)
        except UserError as error:
            say(f'note: {error}; this run is left out')
            continue
        same = (row for row in rows if not differences(rows[row], own, FREE_AND_SEED))
        name = str(folder) if folder.name in rows else folder.name
        row, seed = next(same, name), str(RunRecord.of(folder).seed)
        rows.setdefault(row, own)
        if (row, seed) in runs:
            raise UserError(
                f'{folder} has the config and the seed of {runs[row, seed].work_dir}: a repetition '
                f'is no further seed; leave one of them out ({name_of("reproduce")} compares '
                'the two)'
            )
        runs[row, seed] = _run('', row, seed, folder)
    if not rows:
        raise UserError(f'{folders[0]}: no run is left whose records can be read, see above')
    found = list(runs.values())
    results = [RunRecord.of(run.work_dir).metrics for run in found if run.finished]
    split = 'test' if all('test' in result for result in results) else 'val'
    known, training = (
        {key for result in results for key in result.get(name, {})} for name in (split, 'train')
    )
    metrics = {
        **{key: key for key in _METRICS if key in known},
        **{f'{key} (training pictures)': f'train/{key}' for key in _OF_TRAINING if key in training},
    }
    study = _study(' and '.join(rows), found, metrics, split, {})
    return Collection(study.with_baseline(baseline or next(iter(rows))), found)
