"""The tables of a study as files: markdown, LaTeX and CSV."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ...console.messages import say
from ...files import write_text_atomically
from ..study.runs import Run
from ..study.schema import Study
from ..study.wanted_metrics import Results, read_results
from .sheets import as_csv, as_latex, as_markdown, as_rich, csv_text, markdown, sheets
from .study_results import rows_without_value, tabulate


def write_tables(study: Study, runs: Sequence[Run], out: Path) -> None:
    """Write the tables of what is finished as markdown, LaTeX and CSV, and print them.

    Args:
        study: The study.
        runs: All its runs.
        out: The folder of the study.
    """
    results = read_results(study, runs)
    tables = tabulate(results)
    pages = sheets(tables)
    note = ' '.join([*_notes(results, runs), *rows_without_value(tables), *results.faults])
    out.mkdir(parents=True, exist_ok=True)
    for name, text in {
        'table.md': '\n'.join(
            [f'# {markdown(study.name)}', '', *map(as_markdown, pages), markdown(note), '']
        ),
        'table.tex': '\n'.join(map(as_latex, pages)),
        'table.csv': as_csv(tables),
        'runs.csv': _runs_csv(results),
    }.items():
        write_text_atomically(text, out / name)
    for page in pages:
        say(as_rich(page))
    say(note)
    say(f'tables: {out}/table.md, table.tex, table.csv; every run: runs.csv')


def _notes(results: Results, runs: Sequence[Run]) -> list[str]:
    notes = [f'Split: {results.study.split}. Intervals: 95 %, by t. Differences: paired by seed.']
    if len(results.records) < len(runs):
        missing = len(runs) - len(results.records)
        notes.append(f'{missing} of {len(runs)} runs are missing.')
    if _versions_differ(results.records):
        codes = sorted({run.code for run in results.records})
        notes.append(f'{len(codes)} versions of the code made the runs: {", ".join(codes)}.')
    return notes


def _versions_differ(finished: Iterable[Run]) -> bool:
    """Whether icpc's code or that of the same modules of the user was not always the same."""
    versions: dict[tuple[str, ...], set[str]] = {}
    for run in finished:
        own, _, user = run.code.partition('+')
        versions.setdefault((), set()).add(own)
        versions.setdefault(('user', *run.modules), set()).add(user)
    return any(len(found) > 1 for found in versions.values())


def _runs_csv(results: Results) -> str:
    head = ['regime', 'row', 'seed', *results.values, 'seconds', 'work_dir']
    rows = (
        [run.regime, run.row, run.seed]
        + [values.get(run) for values in results.values.values()]
        + [record.get('seconds'), run.work_dir]
        for run, record in results.records.items()
    )
    return csv_text(head, rows)
