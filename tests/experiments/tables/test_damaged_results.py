import numpy as np
import pytest

from icpc.errors import UserError
from icpc.experiments.report.class_results import kinds, read_counts
from icpc.experiments.report.collection import collect
from icpc.experiments.report.curves import read_curve
from icpc.experiments.reproduce.run_difference import first_difference
from icpc.experiments.reproduce.verdict_report import reproduce
from icpc.experiments.study.runs import Run
from icpc.experiments.study.variables import ClassSubset
from icpc.experiments.study.wanted_metrics import subset_iou


def counts_of(folder):
    folder.mkdir()
    path = folder / 'confusion.npz'
    np.savez_compressed(path, class_names=np.array(['a', 'b']), split='test', head=np.eye(2))
    return path


@pytest.mark.parametrize('part', [0.0, 0.5, 0.99])
def test_cut_confusion_counts_are_named(tmp_path, part):
    path = counts_of(tmp_path / 'run')
    run = Run('', 'row', '0', path.parent, '')
    assert kinds(read_counts([run])) == ['head']
    assert subset_iou(path, ClassSubset(('a',))) == 100
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    for read in (lambda: kinds(read_counts([run])), lambda: subset_iou(path, ClassSubset(('a',)))):
        with pytest.raises(UserError, match=r'run/confusion\.npz: is cut or damaged .*--resume'):
            read()


def test_a_wrong_byte_in_confusion_counts_is_noticed(tmp_path):
    path = counts_of(tmp_path / 'run')
    data = bytearray(path.read_bytes())
    data[data.index(b'head.npy') + 60] ^= 1  # in the compressed counts
    path.write_bytes(data)
    with pytest.raises(UserError, match='is cut or damaged'):
        subset_iou(path, ClassSubset(('a',)))


@pytest.mark.parametrize('name', ['run.json', 'resolved_config.json'])
def test_cut_files_of_a_run_are_named_before_anything_is_trained(tmp_path, name):
    run, other = tmp_path / 'run', tmp_path / 'other'
    for folder in (run, other):
        folder.mkdir()
        (folder / 'run.json').write_text('{"state": "finished", "seed": 0}')
        (folder / 'resolved_config.json').write_text('{"seed": 0}')
    (other / name).write_text('{"state": "fin')
    with pytest.raises(UserError, match=f'other/{name}: is cut or damaged'):
        collect([run, other])
    with pytest.raises(UserError, match=f'other/{name}: is cut or damaged'):
        reproduce(run, None, tmp_path / 'train.py')
    (tmp_path / 'study.json').write_text('{')
    with pytest.raises(UserError, match=r'study\.json: is cut or damaged'):
        collect([tmp_path])


def test_a_cut_or_lost_log_is_named(tmp_path):
    line = '{"step": 1, "split": "train", "loss": 0.5}\n'
    for name, text in (('run', line), ('again', line + line[:20])):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'metrics.jsonl').write_text(text)
    with pytest.raises(UserError, match=r'again/metrics\.jsonl: line 2 is cut'):
        first_difference(tmp_path / 'run', tmp_path / 'again')
    with pytest.raises(UserError, match=r'again/metrics\.jsonl: line 2 is cut'):
        read_curve(tmp_path / 'again', 'train', 'loss')
    (tmp_path / 'run' / 'metrics.jsonl').unlink()
    with pytest.raises(UserError, match=r'run/metrics\.jsonl: not there'):
        first_difference(tmp_path / 'run', tmp_path / 'again')
