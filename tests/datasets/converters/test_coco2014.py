"""COCO 2014: masks drawn from outlines by hand, and wrong sources refused before anything is."""

import downloads
import numpy as np
import pytest
from PIL import Image

from icpc.datasets.converters.outlines import coco2014
from icpc.datasets.converters.sources import Source
from icpc.datasets.converters.writing import prepare
from icpc.errors import UserError

SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]  # corners of pixels 1 .. 4
SMALL = [3, 3, 5, 3, 5, 5, 3, 5]
CROWD = {'counts': [0, 6, 42], 'size': [6, 8]}  # its first column


def test_smaller_instances_lie_over_larger_ones_and_crowds_below(tmp_path):
    made = downloads.coco2014([(7, 9, [SMALL]), (1, 16, [SQUARE]), (4, 6, CROWD)])
    source = Source(downloads.write(tmp_path / 'source', made))
    plan, out = coco2014.plan(source), tmp_path / 'out'
    list(prepare(source, out, plan.jobs, plan.settings, workers=1))
    expected = np.zeros((6, 8), np.uint8)
    expected[:, 0] = 255
    expected[1:5, 1:5], expected[3:6, 3:6] = 1, 3
    found = np.asarray(Image.open(out / 'annotations/training/COCO_train2014_000000000007.png'))
    assert found.tolist() == expected.tolist()
    assert not np.asarray(
        Image.open(out / 'annotations/validation/COCO_val2014_000000000009.png')
    ).any()
    assert (out / 'images/validation/COCO_val2014_000000000009.jpg').is_file()
    assert (out / 'annotations/instances_train2014.json').is_file()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (
            lambda made: made.pop('val2014/COCO_val2014_000000000009.jpg'),
            '1 of 2 pictures .* are not in val',
        ),
        (lambda made: made.update({'annotations/instances_val2014.json': b'{}'}), 'no instances'),
        (
            lambda made: made.update(downloads.coco2014(categories=79)),
            '79 categories, but COCO 2014 has 80',
        ),
    ],
)
def test_wrong_sources_are_refused(tmp_path, change, words):
    made = downloads.coco2014()
    change(made)
    with pytest.raises(UserError, match=words):
        coco2014.plan(Source(downloads.write(tmp_path / 'source', made)))
