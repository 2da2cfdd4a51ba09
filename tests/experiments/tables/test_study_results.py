import json
from pathlib import Path

import numpy as np
import pytest

from icpc.errors import UserError
from icpc.experiments.study.runs import Run
from icpc.experiments.study.schema import Study
from icpc.experiments.study.variables import ClassSubset
from icpc.experiments.study.wanted_metrics import read_results, subset_iou
from icpc.experiments.tables.study_results import tabulate


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


def test_a_metric_of_one_regime_has_a_table_there_alone(tmp_path):
    def run(regime, **results):
        folder = tmp_path / regime
        folder.mkdir()
        record = {
            'state': 'finished',
            'parameters': {'trained': 1},
            'seconds': 1.0,
            'memory_mib': {'process': 1.0},
            'metrics': {'test': results},
        }
        (folder / 'run.json').write_text(json.dumps(record))
        return Run(regime, 'row', '0', folder, 'c')

    study = Study(
        name='study',
        base=Path('base.py'),
        seeds={'0': {}},
        metrics={'all': 'mIoU', 'hidden': 'held_out_mIoU'},
        rows={'row': {}},
        regimes={'plain': {}, 'hidden': {}},
    )
    plain = run('plain', mIoU=1.0)
    some = [(t.regime, t.metric) for t in tabulate(read_results(study, [plain]))]
    assert some == [('plain', 'all'), ('hidden', 'all'), ('hidden', 'hidden')]
    tables = tabulate(read_results(study, [plain, run('hidden', mIoU=2.0, held_out_mIoU=3.0)]))
    found = {(t.regime, t.metric): t.rows[0].summary.mean for t in tables}
    assert found == {('plain', 'all'): 1.0, ('hidden', 'all'): 2.0, ('hidden', 'hidden'): 3.0}
