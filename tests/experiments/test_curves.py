import json

import numpy as np
import pytest

from icpc.experiments.config_difference import difference, flatten
from icpc.experiments.curves import read_curve, spread


def test_spread_by_hand_on_the_steps_that_all_seeds_have():
    steps, mean, deviation = spread([{10: 1.0, 20: 4.0}, {10: 3.0, 20: 4.0, 30: 9.0}])
    assert steps.tolist() == [10, 20]
    assert mean.tolist() == [2.0, 4.0]
    assert deviation == pytest.approx([2**0.5, 0.0])


def test_one_seed_has_no_spread():
    steps, mean, deviation = spread([{5: 1.0}])
    assert (steps.tolist(), mean.tolist()) == ([5], [1.0])
    assert np.isnan(deviation).all()


def test_read_curve(tmp_path):
    lines = [
        {'step': 1, 'split': 'train', 'loss': 2.0},
        {'step': 2, 'split': 'val', 'mIoU': 30.0},
        {'step': 2, 'split': 'train', 'loss': None},
        {'step': 3, 'split': 'train', 'loss': 1.0},
    ]
    (tmp_path / 'metrics.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    assert read_curve(tmp_path, 'train', 'loss') == {1: 2.0, 3: 1.0}
    assert read_curve(tmp_path, 'val', 'mIoU') == {2: 30.0}
    assert read_curve(tmp_path / 'none', 'val', 'mIoU') == {}


def test_difference_of_configs():
    first = flatten({'a': {'b': 1, 'c': [1, 2]}, 'l': [{'x': 1}, {'x': 2}], 'seed': 0, 'e': {}})
    second = flatten({'a': {'b': None, 'c': [1, 2]}, 'l': [{'x': 1}, {'x': 3}], 'seed': 1})
    assert difference(first, second, ['seed']) == [
        ('a.b', '1', 'None'),
        ('e', '{}', '(not set)'),
        ('l.1.x', '2', '3'),
    ]
    assert difference(first, first) == []
