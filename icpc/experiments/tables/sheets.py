"""A study's tables for the terminal, markdown, LaTeX and CSV."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.table import Table

from ...console.numbers import clock
from .statistics import Difference, Summary
from .study_results import RowResult, TableResult

_LATEX = {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}'} | {
    char: f'\\{char}' for char in '&%$#_{}'
}


@dataclass(frozen=True)
class Sheet:
    """A table as text, whatever it is printed as.

    Attributes:
        title: Above it.
        head: Names of the columns.
        body: Cells, the first of each row its name.
    """

    title: str
    head: list[str]
    body: list[list[str]]


def sheets(tables: Sequence[TableResult]) -> list[Sheet]:
    """For each regime: a sheet for each metric, further comparisons, and what the rows cost."""
    found = []
    for regime, group in groupby(tables, key=lambda table: table.regime):
        group = list(group)
        for table in group:
            found += [_means(table), *([_comparisons(table)] if table.comparisons else [])]
        found.append(_costs(_title(regime, 'cost'), group[0].rows))
    return found


def _title(regime: str, what: str) -> str:
    return f'{regime}: {what}' if regime else what


def _means(table: TableResult) -> Sheet:
    head = ['row', 'runs', 'mean', 'sd', '95 % CI']
    if table.baseline is not None:
        head += [f'minus {table.baseline}', '95 % CI', 'p', 'p Holm']
    body = [_cells(row, table.baseline is not None) for row in table.rows]
    return Sheet(_title(table.regime, table.metric), head, body)


def _cells(row: RowResult, compared: bool) -> list[str]:
    s = row.summary
    runs = 'none' if row.lacks else f'{s.n}/{row.wanted}'
    cells = [row.row, runs, number(s.mean), number(s.sd), interval(s)]
    if compared and row.difference is not None:
        return [*cells, *_difference(row.difference), probability(row.adjusted_p)]
    return [*cells, *([''] * 4 if compared else [])]


def _comparisons(table: TableResult) -> Sheet:
    head = ['comparison', 'pairs', 'difference', '95 % CI', 'p']
    body = [[name, str(d.n), *_difference(d)] for name, d in table.comparisons.items()]
    return Sheet(_title(table.regime, f'{table.metric}, comparisons'), head, body)


def _costs(title: str, rows: Sequence[RowResult]) -> Sheet:
    body = [
        [r.row, _count(r.cost.parameters), clock(r.cost.seconds), number(r.cost.memory, 0, ' MiB')]
        for r in rows
    ]
    return Sheet(title, ['row', 'trained parameters', 'time', 'memory'], body)


def _difference(d: Difference) -> list[str]:
    return [number(d.mean, sign=True), interval(d, sign=True), probability(d.p)]


def number(value: float, digits: int = 2, unit: str = '', sign: bool = False) -> str:
    """A number, or a dash where there is none."""
    if math.isnan(value):
        return '-'
    return f'{value:{"+" if sign else ""}.{digits}f}{unit}'


def interval(summary: Summary, sign: bool = False) -> str:
    """The mean's 95 % confidence interval."""
    if math.isnan(summary.half):
        return '-'
    low, high = summary.mean - summary.half, summary.mean + summary.half
    return f'[{number(low, sign=sign)}, {number(high, sign=sign)}]'


def probability(p: float) -> str:
    """A p value with three digits."""
    return '-' if math.isnan(p) else '< 0.001' if p < 0.001 else f'{p:.3f}'


def _count(parameters: float) -> str:
    if math.isnan(parameters):
        return '-'
    return f'{parameters / 1e6:.2f} M' if parameters >= 1e5 else f'{parameters / 1e3:.2f} k'


def as_rich(sheet: Sheet) -> Table:
    """For the terminal."""
    table = Table(title=sheet.title, title_justify='left')
    for index, name in enumerate(sheet.head):
        table.add_column(name, justify='right' if index else 'left', overflow='fold')
    for row in sheet.body:
        table.add_row(*row)
    return table


def as_markdown(sheet: Sheet) -> str:
    """For a document."""
    rows = [sheet.head, ['---', *['---:'] * (len(sheet.head) - 1)], *sheet.body]
    lines = ['| ' + ' | '.join(cell.replace('|', r'\|') for cell in row) + ' |' for row in rows]
    return '\n'.join([f'**{sheet.title}**', '', *lines, ''])


def as_latex(sheet: Sheet) -> str:
    """For a paper; needs booktabs."""
    rows = [' & '.join(latex(cell) for cell in row) + r' \\' for row in [sheet.head, *sheet.body]]
    return '\n'.join(
        [
            f'% {sheet.title}',
            r'\begin{tabular}{l' + 'r' * (len(sheet.head) - 1) + '}',
            *(r'\toprule', rows[0], r'\midrule', *rows[1:], r'\bottomrule'),
            r'\end{tabular}',
            '',
        ]
    )


def latex(text: str) -> str:
    """Text with LaTeX's own characters escaped; a leading sign becomes a minus, not a hyphen."""
    if text[:1] == '-' and text[1:2].isdigit():
        return f'${text}$'
    return ''.join(_LATEX.get(char, char) for char in text)


def as_csv(tables: Sequence[TableResult]) -> str:
    """All tables in long form, numbers not rounded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(
        ['regime', 'row', 'metric', 'n', 'mean', 'sd', 'ci_low', 'ci_high', 'reference', 'pairs']
        + ['difference', 'difference_ci_low', 'difference_ci_high', 'p', 'p_holm']
        + ['trained_parameters', 'seconds', 'memory_mib']
    )
    for table in tables:
        for r in table.rows:
            d, c = r.difference, r.cost
            own = [table.regime, r.row, table.metric, r.summary.n, *_bounds(r.summary)]
            against = ['', *[''] * 6] if d is None else [table.baseline, d.n, *_bounds(d, False)]
            against = against if d is None else [*against, d.p, r.adjusted_p]
            writer.writerow([*own, *against, c.parameters, c.seconds, c.memory])
    return out.getvalue()


def _bounds(s: Summary, with_sd: bool = True) -> list[float]:
    spread = [s.sd] if with_sd else []
    return [s.mean, *spread, s.mean - s.half, s.mean + s.half]
