"""A study's tables for the terminal, markdown, LaTeX and CSV."""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.table import Table

from ...console.numbers import clock
from .statistics import Summary
from .study_results import RowResult, TableResult

_LATEX = {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}'} | {
    char: f'\\{char}' for char in '&%$#_{}'
}


@dataclass(frozen=True)
class Sheet:
    """A table as text, whatever it is printed as.

    Attributes:
        title: The line above it.
        head: The names of the columns.
        body: The cells; the first of each row is its name.
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
    cells = [row.row, runs, number(s.mean), number(s.sd), _interval(s)]
    if compared and row.difference is not None:
        return [*cells, *_difference(row.difference), _probability(row.adjusted_p)]
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


def _difference(d: Summary) -> list[str]:
    return [number(d.mean, sign=True), _interval(d, sign=True), _probability(d.p)]


def number(value: float, digits: int = 2, unit: str = '', sign: bool = False) -> str:
    """A number, or a dash where there is none."""
    if math.isnan(value):
        return '-'
    return f'{value:{"+" if sign else ""}.{digits}f}{unit}'


def _interval(summary: Summary, sign: bool = False) -> str:
    """The mean's 95 % confidence interval."""
    if math.isnan(summary.half):
        return '-'
    low, high = (number(end, sign=sign) for end in summary.interval)
    return f'[{low}, {high}]'


def _probability(p: float) -> str:
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
    lines = [
        '| ' + ' | '.join(markdown(cell).replace('|', r'\|') for cell in row) + ' |' for row in rows
    ]
    return '\n'.join([f'**{markdown(sheet.title)}**', '', *lines, ''])


def markdown(text: str) -> str:
    """One line of text in which nothing opens a tag or a link; numbers and intervals stay."""
    return re.sub(r'<(?=[A-Za-z/!?])', '&lt;', _one_line(text)).replace('](', r']\(')


def _one_line(text: str) -> str:
    return ' '.join(text.split())


def as_latex(sheet: Sheet) -> str:
    """For a paper; needs booktabs."""
    rows = [' & '.join(latex(cell) for cell in row) + r' \\' for row in [sheet.head, *sheet.body]]
    return '\n'.join(
        [
            f'% {_one_line(sheet.title)}',
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
    head = ['regime', 'row', 'metric', 'n', 'mean', 'sd', 'ci_low', 'ci_high', 'reference', 'pairs']
    head += ['difference', 'difference_ci_low', 'difference_ci_high', 'p', 'p_holm']
    head += ['trained_parameters', 'seconds', 'memory_mib']
    return csv_text(head, (_numbers(table, row) for table in tables for row in table.rows))


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows of values as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator='\n').writerows([head, *rows])
    return out.getvalue()


def _numbers(table: TableResult, row: RowResult) -> list[Any]:
    s, d, cost = row.summary, row.difference, row.cost
    against: list[Any] = [''] * 7
    if d is not None:
        against = [table.baseline, d.n, d.mean, *d.interval, d.p, row.adjusted_p]
    own = [table.regime, row.row, table.metric, s.n, s.mean, s.sd, *s.interval]
    return [*own, *against, cost.parameters, cost.seconds, cost.memory]
