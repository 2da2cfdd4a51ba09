"""What a study writes beside its runs: the index of the runs, and its tables."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from ...console.messages import say
from ...files import write_text_atomically
from ...run_dir.record import read_record
from ..tables.sheets import as_csv, as_latex, as_markdown, as_rich, sheets
from ..tables.study_results import tabulate, value_of
from .runs import Run
from .schema import Study
from .usable_metrics import lacking, usable_metrics

INDEX = 'study.json'
_INDEXED = {'name', 'base', 'split', 'baseline', 'metrics', 'comparisons'}


def write_index(study: Study, runs: Sequence[Run], out: Path) -> None:
    """Write `study.json`: which work dir is which run.

    Args:
        study: The study.
        runs: All its runs.
        out: Its folder.
    """
    index = {
        **study.model_dump(mode='json', include=_INDEXED),
        'runs': [
            {
                **{key: getattr(run, key) for key in ('regime', 'row', 'seed')},
                'work_dir': str(run.work_dir.relative_to(out)),
            }
            for run in runs
        ],
    }
    out.mkdir(parents=True, exist_ok=True)
    write_text_atomically(json.dumps(index, indent=1), out / INDEX)


def write_tables(study: Study, runs: Sequence[Run], out: Path, baseline: str | None = None) -> None:
    """Write the tables of what is finished as markdown, LaTeX and CSV, and print them.

    Args:
        study: The study.
        runs: All its runs.
        out: Its folder.
        baseline: Instead of the study's.
    """
    study, faults = usable_metrics(study, runs)
    tables = tabulate(study, runs, baseline)
    pages = sheets(tables)
    note = ' '.join([_note(study, runs), *lacking(tables), *faults])
    markdown = '\n'.join([f'# {study.name}', '', *map(as_markdown, pages), note, ''])
    out.mkdir(parents=True, exist_ok=True)
    write_text_atomically(markdown, out / 'table.md')
    write_text_atomically('\n'.join(map(as_latex, pages)), out / 'table.tex')
    write_text_atomically(as_csv(tables), out / 'table.csv')
    write_text_atomically(_runs_csv(study, runs), out / 'runs.csv')
    for page in pages:
        say(as_rich(page))
    say(note)
    say(f'tables: {out}/table.md, table.tex, table.csv; every run: runs.csv')


def _note(study: Study, runs: Sequence[Run]) -> str:
    finished = [run for run in runs if run.finished]
    notes = [f'Split: {study.split}. Intervals: 95 %, by t. Differences: paired by seed.']
    if len(finished) < len(runs):
        notes.append(f'{len(runs) - len(finished)} of {len(runs)} runs are missing.')
    codes = sorted({run.code for run in finished})
    if _versions_differ(finished):
        notes.append(f'{len(codes)} versions of the code made the runs: {", ".join(codes)}.')
    return ' '.join(notes)


def _versions_differ(finished: Sequence[Run]) -> bool:
    """Whether icpc's code or that of the same modules of the user was not always the same."""
    versions: dict[tuple[str, ...], set[str]] = {}
    for run in finished:
        own, _, user = run.code.partition('+')
        versions.setdefault((), set()).add(own)
        versions.setdefault(('user', *run.modules), set()).add(user)
    return any(len(found) > 1 for found in versions.values())


def _runs_csv(study: Study, runs: Sequence[Run]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(['regime', 'row', 'seed', *study.metrics, 'seconds', 'work_dir'])
    for run in runs:
        if run.finished:
            record = read_record(run.work_dir)
            values = [
                value_of(run, record, metric, study.split) for metric in study.metrics.values()
            ]
            writer.writerow(
                [run.regime, run.row, run.seed, *values, record['seconds'], run.work_dir]
            )
    return out.getvalue()
