import csv
import io
import math

import pytest

from icpc.experiments.tables.sheets import (
    as_csv,
    as_latex,
    as_markdown,
    clock,
    latex,
    markdown,
    sheets,
)
from icpc.experiments.tables.statistics import paired_difference, summarise
from icpc.experiments.tables.study_results import (
    Cost,
    RowResult,
    TableResult,
    rows_without_value,
)

_COST = Cost(1_234_567, 3723.4, 1024.4)


def table(regime='r', metric='mIoU'):
    a, b = {'0': 1.0, '1': 2.0, '2': 3.0}, {'0': 2.0, '1': 3.5, '2': 3.5}
    rows = [
        RowResult('a_1', 3, summarise(list(a.values())), None, math.nan, _COST),
        RowResult('b & c', 4, summarise(list(b.values())), paired_difference(b, a), 0.2, _COST),
    ]
    return TableResult(regime, metric, 'a_1', rows, {'b over a': paired_difference(b, a)})


def test_cells():
    means, comparisons, costs = sheets([table()])
    assert means.title == 'r: mIoU'
    assert means.body[0] == ['a_1', '3/3', '2.00', '1.00', '[-0.48, 4.48]', '', '', '', '']
    # Differences 1, 1.5, 0.5: mean 1, sd 0.5, half 4.302653 x 0.5 / sqrt(3) = 1.242.
    difference = ['+1.00', '[-0.24, +2.24]', '0.074']
    assert means.body[1][5:] == [*difference, '0.200']
    assert comparisons.body == [['b over a', '3', *difference]]
    assert costs.body[0] == ['a_1', '1.23 M', '1:02:03', '1024 MiB']


def test_a_row_whose_runs_lack_the_metric_says_so_and_one_without_runs_does_not():
    nothing, no_cost = summarise([]), Cost(math.nan, math.nan, math.nan)
    rows = [
        RowResult('no text', 5, nothing, None, math.nan, _COST),
        RowResult('to do', 5, nothing, None, math.nan, no_cost),
    ]
    tables = [TableResult(regime, 'score map', None, rows, {}) for regime in ('r', 's')]
    assert [row[:2] for row in sheets(tables)[0].body] == [['no text', 'none'], ['to do', '0/5']]
    (sentence,) = rows_without_value(tables)
    assert sentence.startswith("score map: none for 'no text', whose runs do not measure it")


def test_every_sheet_is_rectangular_and_costs_come_once_a_regime():
    found = sheets([table(), table(metric='score'), table('s')])
    assert [sheet.title for sheet in found if 'cost' in sheet.title] == ['r: cost', 's: cost']
    assert all(len(row) == len(sheet.head) for sheet in found for row in sheet.body)
    assert len(found) == 8


def test_markdown_and_latex_have_a_cell_for_each_column():
    sheet = sheets([table()])[0]
    lines = as_markdown(sheet).splitlines()[2:]
    assert {line.count('|') for line in lines} == {len(sheet.head) + 1}
    body = [line for line in as_latex(sheet).splitlines() if line.endswith(r'\\')]
    assert {line.replace(r'\&', '').count('&') for line in body} == {len(sheet.head) - 1}


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('a_1 & 5 %', r'a\_1 \& 5 \%'),
        ('-0.33', '$-0.33$'),
        ('-', '-'),
        ('x\\y', 'x\\textbackslash{}y'),
    ],
)
def test_latex_escapes(text, expected):
    assert latex(text) == expected


def test_markdown_opens_neither_tags_nor_links():
    assert markdown('<script> [a](b)\nc') == r'&lt;script> [a]\(b) c'
    assert markdown('< 0.001 [1.0, 2.0]') == '< 0.001 [1.0, 2.0]'


def test_csv_is_not_rounded():
    first, second = csv.DictReader(io.StringIO(as_csv([table()])))
    assert float(second['difference']) == 1.0
    assert float(second['difference_ci_high']) == pytest.approx(2.2420688)
    assert float(second['p_holm']) == 0.2
    assert (first['reference'], second['reference'], second['pairs']) == ('', 'a_1', '3')
    assert float(first['sd']) == 1.0
    assert float(first['seconds']) == 3723.4


@pytest.mark.parametrize(('seconds', 'text'), [(0, '0:00'), (59.6, '1:00'), (3600, '1:00:00')])
def test_clock(seconds, text):
    assert clock(seconds) == text
