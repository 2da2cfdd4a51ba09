"""Pixels of each label id against the class list, split by split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from .inspection import SplitReport

_BAR = 20  # characters of the most frequent id


def histogram_rows(reports: Sequence[SplitReport]) -> list[tuple[int, str, list[int]]]:
    """(id in the mask files, what it means, its pixels in each split) of all classes and ids found.

    Args:
        reports: Of the splits of one dataset, at least one of them with a scheme.
    """
    schemes = [report.scheme for report in reports if report.scheme is not None]
    if not schemes:
        return []
    scheme = schemes[0]
    classes = range(scheme.first, scheme.last + 1)
    ids = sorted({*classes, *(i for report in reports for i in report.ids)})
    return [(i, scheme.meaning(i), [report.ids[i] for report in reports]) for i in ids]


def histogram_csv(reports: Sequence[SplitReport]) -> str:
    """The rows as a table for a spreadsheet, with a header."""
    header = ','.join(['id', 'class', *(report.name for report in reports)])
    lines = [
        f'{i},"{meaning.replace(chr(34), chr(34) * 2)}",' + ','.join(map(str, pixels))
        for i, meaning, pixels in histogram_rows(reports)
    ]
    return '\n'.join([header, *lines]) + '\n'


def histogram_table(reports: Sequence[SplitReport]) -> Table:
    """The rows with each id's share of a split's pixels and a bar."""
    table = Table(title='label ids in the mask files, share of pixels')
    table.add_column('id', justify='right')
    table.add_column('class')
    for report in reports:
        table.add_column(report.name)
    totals = [max(sum(report.ids.values()), 1) for report in reports]
    most = [max(report.ids.values(), default=1) for report in reports]
    for i, meaning, pixels in histogram_rows(reports):
        cells = [
            f'{count / total:6.2%} ' + '█' * round(_BAR * count / highest)
            for count, total, highest in zip(pixels, totals, most, strict=True)
        ]
        table.add_row(str(i), meaning, *cells)
    return table
