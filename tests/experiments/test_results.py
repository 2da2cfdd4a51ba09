import numpy as np
import pytest

from icpc.errors import UserError
from icpc.experiments.results import subset_iou
from icpc.experiments.study import ClassSubset


@pytest.fixture
def confusion(tmp_path):
    # Truth in rows. IoU: a 6 of 8, b 4 of 8, c 3 of 5.
    counts = np.array([[6, 2, 0], [0, 4, 0], [0, 2, 3]])
    path = tmp_path / 'confusion.npz'
    np.savez(path, class_names=np.array(['a', 'b', 'c']), head=counts)
    return path


def test_subset_iou_by_hand(confusion):
    assert subset_iou(confusion, ClassSubset(('a', 'b'))) == pytest.approx(
        100 * (6 / 8 + 4 / 8) / 2
    )
    assert subset_iou(confusion, ClassSubset(('c',))) == pytest.approx(100 * 3 / 5)


def test_a_model_without_text_has_no_score_map(confusion):
    assert subset_iou(confusion, ClassSubset(('a',), 'score_map')) is None


def test_an_unknown_class_is_named(confusion):
    with pytest.raises(UserError, match="no class 'd'"):
        subset_iou(confusion, ClassSubset(('d',)))
