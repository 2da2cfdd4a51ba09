"""Confusion counts against a loop over pixels, for every kind of label."""

import pytest
import torch

from icpc.evaluation.confusion import confusion


@pytest.mark.parametrize('lowest', [0, -1])
@pytest.mark.parametrize(
    ('classes', 'ignored', 'highest'),
    [
        (3, 255, 2),
        (3, 255, 255),
        (300, 255, 299),  # the ignored id is one of the classes
        (847, 65535, 65535),
        (3, 255, 70000),
        (3, 0, 4),
        (3, 3, 5),
    ],
)
def test_against_a_loop(classes, ignored, highest, lowest):
    torch.manual_seed(0)
    label = torch.randint(lowest, highest + 1, (12, 9))
    label[:2] = ignored
    prediction = torch.randint(0, classes + 2, (12, 9))
    expected = torch.zeros(classes + 2, classes + 1, dtype=torch.int64)
    for truth, guess in zip(label.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        inside = 0 <= truth < classes
        row = classes if truth == ignored else truth if inside else classes + 1
        expected[row, min(guess, classes)] += 1
    assert torch.equal(confusion(prediction, label, classes, ignored), expected)
