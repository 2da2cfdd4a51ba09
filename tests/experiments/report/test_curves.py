import base64
import json
import re

import numpy as np
import pytest

from icpc.experiments.report.curves import draw_curves, read_curve, spread


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


def test_only_numbers_that_some_row_has_get_a_panel(tmp_path):
    line = {'step': 1, 'split': 'val', **{f'm{i}': float(i) for i in range(4)}}
    (tmp_path / 'metrics.jsonl').write_text(json.dumps(line))
    panels = [(f'title {key}', 'val', key) for key in ('m0', 'none', 'm1', 'm2', 'm3')]
    uri = draw_curves({'A': [tmp_path], 'B': [tmp_path / 'not there']}, panels, 'A')
    page = base64.b64decode(uri.partition(',')[2]).decode()
    assert re.findall(r'>title (\w+)<', page) == ['m0', 'm1', 'm2', 'm3']
    assert page.count('id="axes_') == 4
    width, height = (
        float(n) for n in re.search(r'width="(.*?)pt" height="(.*?)pt"', page).groups()
    )
    assert height > 0.4 * width  # two lines of panels
