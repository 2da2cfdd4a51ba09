"""Class names of any characters are shown as they are: log, tables, histogram, panel, overlays."""

import logging
from collections import Counter

import numpy as np
import pytest
from test_streaming_iou import metric, samples

from icpc.console.messages import say
from icpc.datasets.checks.inspection import SplitReport
from icpc.datasets.checks.label_histogram import histogram_csv, histogram_table
from icpc.datasets.checks.label_ids import LabelScheme
from icpc.evaluation.pictures import save_overlay
from icpc.evaluation.table import per_class_table
from icpc.experiments.tables.sheets import Sheet, as_rich

NAMES = ['[/red]', 'curb [low]', '[bold]', '100 % {y}', '$z$ <b>', '"q", \\[', 'Straße']


@pytest.fixture
def evaluated(caplog: pytest.LogCaptureFixture):
    measure = metric()
    measure.dataset_meta = {'classes': NAMES}
    measure.process({}, list(samples()))
    with caplog.at_level(logging.INFO):
        measure.evaluate(5)
    return measure


def test_in_the_table_of_an_evaluation(evaluated, capsys):
    say(per_class_table(evaluated.class_names, evaluated.results_by_key))
    text = capsys.readouterr().out
    assert [name for name in NAMES if f'│ {name} ' not in text] == []


def test_in_the_histogram_of_ids(capsys):
    scheme = LabelScheme(tuple(NAMES), 0, frozenset({255}), True)
    report = SplitReport('training', ids=Counter({0: 3, 6: 1}), scheme=scheme)
    say(histogram_table([report]))
    text = capsys.readouterr().out
    assert [name for name in NAMES if f' {name} ' not in text] == []
    assert '5,"""q"", \\[",' in histogram_csv([report])


@pytest.mark.parametrize('name', NAMES)
def test_as_the_title_of_a_table(capsys, name):
    say(as_rich(Sheet(name, ['a', name], [['1', name]])))
    assert capsys.readouterr().out.count(name) == 3


def test_in_pictures(tmp_path):
    labels = np.arange(7).repeat(40)[:, None].repeat(40, 1)
    picture = np.zeros((*labels.shape, 3), np.uint8)
    save_overlay(tmp_path / 'a.png', picture, labels, NAMES, np.zeros((7, 3), np.uint8))
    assert (tmp_path / 'a.png').stat().st_size
