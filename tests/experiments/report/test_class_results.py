from pathlib import Path

import numpy as np
import pytest

from icpc.experiments.report.class_results import (
    class_differences,
    confusions,
    kinds,
    read_counts,
    shares,
)
from icpc.experiments.study.runs import Run


@pytest.fixture
def make_run(tmp_path):
    def make_run(row, seed, **counts):
        folder = tmp_path / f'{row}{seed}'
        folder.mkdir()
        arrays = {kind: np.array(values) for kind, values in counts.items()}
        np.savez(folder / 'confusion.npz', class_names=np.array(['a', 'b']), split='val', **arrays)
        return Run('', row, seed, folder, '')

    return make_run


def test_class_differences_by_hand(make_run):
    # IoU of a and b: row 8/10, 6/8 and 9/10, 5/6; baseline 6/10, 4/8 and 8/10, 6/8.
    row = [make_run('r', '0', head=[[8, 2], [0, 6]]), make_run('r', '1', head=[[9, 0], [1, 5]])]
    base = [make_run('b', '1', head=[[8, 2], [0, 6]]), make_run('b', '0', head=[[6, 4], [0, 4]])]
    row, base = read_counts(row), read_counts(base)
    found = class_differences(row, base, 'head')
    assert found['a'].mean == pytest.approx(100 * ((0.8 - 0.6) + (0.9 - 0.8)) / 2)
    assert found['b'].mean == pytest.approx(100 * ((6 / 8 - 4 / 8) + (5 / 6 - 6 / 8)) / 2)
    assert list(found) == ['b', 'a']


def test_a_class_that_occurs_nowhere_is_left_out(make_run):
    runs = read_counts([make_run(name, '0', head=[[3, 0], [0, 0]]) for name in 'rb'])
    assert list(class_differences(runs[:1], runs[1:], 'head')) == ['a']


def test_confusions_by_hand(make_run):
    runs = [make_run('r', '0', head=[[6, 2], [1, 7]]), make_run('r', '1', head=[[6, 6], [0, 8]])]
    own = shares(read_counts(runs), 'head')
    assert own == pytest.approx(np.array([[60.0, 40.0], [6.25, 93.75]]))
    worst = confusions(own, np.array([[90.0, 10.0], [0.0, 100.0]]), ['a', 'b'])
    assert [(c.truth, c.predicted, c.share, c.baseline) for c in worst] == [
        ('a', 'b', 40.0, 10.0),
        ('b', 'a', 6.25, 0.0),
    ]
    assert confusions(np.diag([100.0, 100.0]), None, ['a', 'b']) == []


def test_kinds_are_those_of_every_run(make_run):
    both = make_run('r', '0', head=[[1, 0], [0, 1]], score_map=[[1, 0], [0, 1]])
    one = make_run('r', '1', head=[[1, 0], [0, 1]])
    assert kinds(read_counts([both])) == ['head', 'score_map']
    assert kinds(read_counts([both, one])) == ['head']
    assert kinds(read_counts([both, Run('', 'r', '2', Path('nowhere'), '')])) == []
