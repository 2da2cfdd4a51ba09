import numpy as np
import pytest

from icpc.errors import UserError
from icpc.experiments.report.class_results import kinds, read_counts
from icpc.experiments.report.collection import collect
from icpc.experiments.report.curves import read_curve
from icpc.experiments.reproduce.run_difference import first_difference
from icpc.experiments.reproduce.verdict import same_but_seed
from icpc.experiments.study.runs import Run
from icpc.experiments.study.variables import ClassSubset
from icpc.experiments.study.wanted_metrics import subset_iou


def counts_of(folder):
    folder.mkdir()
    path = folder / 'confusion.npz'
    np.savez_compressed(path, class_names=np.array(['a', 'b']), split='test', head=np.eye(2))
    return path


@pytest.mark.parametrize('part', [0.0, 0.5, 0.99])
def test_cut_confusion_counts_are_named(tmp_path, part, capsys):
    path = counts_of(tmp_path / 'run')
    run = Run('', 'row', '0', path.parent, '')
    assert kinds(read_counts([run])) == ['head']
    assert subset_iou(path, ClassSubset(('a',))) == 100
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(UserError, match=r'run/confusion\.npz: is cut or damaged .*--resume'):
        subset_iou(path, ClassSubset(('a',)))
    assert read_counts([run]) == []
    assert 'its classes are left out' in capsys.readouterr().out


def test_a_wrong_byte_in_confusion_counts_is_noticed(tmp_path):
    path = counts_of(tmp_path / 'run')
    data = bytearray(path.read_bytes())
    data[data.index(b'head.npy') + 60] ^= 1  # in the compressed counts
    path.write_bytes(data)
    with pytest.raises(UserError, match='is cut or damaged'):
        subset_iou(path, ClassSubset(('a',)))


@pytest.mark.parametrize('name', ['run.json', 'resolved_config.json'])
def test_cut_files_of_a_neighbour_are_named_and_stop_nothing(tmp_path, name, capsys):
    run, other = tmp_path / 'run', tmp_path / 'other'
    for folder in (run, other):
        folder.mkdir()
        (folder / 'run.json').write_text('{"state": "finished", "seed": 0}')
        (folder / 'resolved_config.json').write_text('{"seed": 0}')
    (other / name).write_text('{"state": "fin')
    found = collect([run, other])
    assert [one.work_dir for one in found.finished] == [run]
    assert f'other/{name}: is cut or damaged' in capsys.readouterr().out
    assert same_but_seed(run) == [run]
    assert f'other/{name}: is cut or damaged' in capsys.readouterr().out
    (tmp_path / 'study.json').write_text('{')
    with pytest.raises(UserError, match=r'study\.json: is cut or damaged'):
        collect([tmp_path])


def test_a_cut_or_lost_log_is_named(tmp_path, capsys):
    line = '{"step": 1, "split": "train", "loss": 0.5}\n'
    for name, text in (('run', line), ('again', line + line[:20])):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'metrics.jsonl').write_text(text)
    assert first_difference(tmp_path / 'run', tmp_path / 'again') is None
    assert read_curve(tmp_path / 'again', 'train', 'loss') == {1: 0.5}
    assert 'again/metrics.jsonl: line 2 is cut' in capsys.readouterr().out
    (tmp_path / 'run' / 'metrics.jsonl').unlink()
    with pytest.raises(UserError, match=r'run/metrics\.jsonl: not there'):
        first_difference(tmp_path / 'run', tmp_path / 'again')
