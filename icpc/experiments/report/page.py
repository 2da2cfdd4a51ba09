"""`tools/report.py`: one HTML file, which needs no other, about a study or some runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...errors import UserError
from ...files import write_text_atomically
from ...run_dir.fingerprints import PACKAGE
from ..study.study_files import INDEX
from ..study.wanted_metrics import read_results
from ..tables.study_results import rows_without_value, tabulate
from ..tables.table_files import write_tables
from .collection import collect
from .sections import config_parts, note, regime_parts, run_sheet

_TEMPLATES = PACKAGE / 'assets' / 'report'


def write_report(
    folders: Sequence[Path],
    out: Path | None = None,
    baseline: str | None = None,
    tables_out: Path | None = None,
) -> Path:
    """Write the page.

    Args:
        folders: A study's folder, or work dirs of runs.
        out: The file; by default `report.html` in the first folder.
        baseline: Row that the others are compared with.
        tables_out: A folder for the tables as markdown, LaTeX and CSV; None for none.

    Returns:
        The file of the page.

    Raises:
        UserError: For folders without finished runs, or a study beside others.
    """
    studies = [folder for folder in folders if (folder / INDEX).is_file()]
    if studies and len(folders) > 1:
        raise UserError(f'{studies[0]} is a study: give one study alone, or runs')
    found = collect(folders, baseline)
    results = read_results(found.study, found.runs)
    found = replace(found, study=results.study)
    tables = tabulate(results)
    regimes = (regime_parts(found, regime, tables) for regime in found.study.regimes)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template('page.html.j2').render(
        title=found.study.name,
        note=' '.join([note(found), *rows_without_value(tables), *results.faults]),
        baseline=found.study.baseline,
        regimes=[regime for regime in regimes if regime is not None],
        configs=config_parts(found),
        runs=run_sheet(found),
    )
    out = out or folders[0] / 'report.html'
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(page, out)
    if tables_out is not None:
        write_tables(found.study, found.runs, tables_out)
    return out
