import errno
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from icpc import files
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.errors import UserError
from icpc.experiments.publish import publish
from icpc.run_dir.metrics_file import MetricsFileHook
from icpc.run_dir.provenance import git_state
from icpc.run_dir.record import CONFUSION, RESOLVED, read_record


def test_the_record_of_a_run(toy_config, tmp_path):
    folder = tmp_path / 'run'
    metrics = train(str(toy_config), {'max_iters': 4, 'gpu_batch': 2}, str(folder), seed=7)
    record = read_record(folder)
    assert record['state'] == 'finished'
    assert (record['seed'], record['steps']) == (7, 4)
    assert record['overrides'] == {'max_iters': 4, 'gpu_batch': 2, 'seed': 7}
    assert record['batch'] == dict(global_batch=4, ranks=1, batch=2, accumulation=2)
    assert record['metrics']['test'] == {
        'step': 4,
        **{k: pytest.approx(metrics[k]) for k in metrics},
    }
    assert record['metrics']['val']['step'] == 4
    assert len(set(record['fingerprints']['data'].values())) == 3
    resolved = json.loads((folder / RESOLVED).read_text())
    assert resolved['train_cfg']['max_iters'] == 4
    # Backbone: 3 x 3 convolutions of 3 and 8 channels to 8, a norm. Head: convolutions of 8 and,
    # with the input joined, 16 channels to 8, two norms, and the classifier.
    backbone, head = 9 * (3 + 8) * 8 + 8 + 8 + 16, 9 * (8 + 16) * 8 + 16 + 16 + 8 * 3 + 3
    assert record['parameters'] == {'all': backbone + head, 'trained': backbone + head}
    assert 0 < record['seconds'] < 600
    assert record['memory_mib']['process'] > 100


def test_confusion_counts_give_the_metric(toy_config, tmp_path):
    metrics = train(str(toy_config), {'max_iters': 4}, str(tmp_path / 'run'))
    with np.load(tmp_path / 'run' / CONFUSION) as file:
        assert file['class_names'].tolist() == ['red', 'green', 'blue']
        counts = file['head'].astype(float)
    hit = counts.diagonal()
    iou = hit / (counts.sum(0) + counts.sum(1) - hit)
    assert 100 * np.nanmean(iou) == pytest.approx(metrics['mIoU'])


def test_a_run_that_is_cut_off_is_not_finished_and_its_time_counts(toy_config, tmp_path):
    folder = tmp_path / 'run'
    # The sixth pass of a process fails; after the resumption there are four.
    options = {'val_interval': 2, 'model.backbone.poison_after': 6}
    with pytest.raises(Exception, match='not finite'):
        train(str(toy_config), options, str(folder))
    assert read_record(folder)['state'] == 'running'
    train(str(toy_config), options, str(folder), resume=True)
    record = read_record(folder)
    assert record['state'] == 'finished'
    first, second = record['segments']
    assert record['seconds'] == pytest.approx(first['seconds'] + second['seconds'])
    assert first['seconds'] > 0


def test_git_state_of_a_tree_and_of_a_copy(tmp_path):
    package = tmp_path / 'package'
    package.mkdir()
    (package / 'a.py').write_text('1')

    def git(*args):
        identity = ['-c', 'user.name=a', '-c', 'user.email=a@b']
        subprocess.run(['git', '-C', str(tmp_path), *identity, *args], check=True)

    assert git_state(package) is None
    git('init', '-q')
    git('add', '.')
    git('commit', '-qm', 'one')
    state = git_state(package)
    assert len(state['commit']) == 40
    assert not state['dirty']
    (package / 'a.py').write_text('2')
    assert git_state(package) == {**state, 'dirty': True, 'changed': ['package/a.py']}
    (tmp_path / 'git.json').write_text('{"commit": "x"}')
    assert git_state(package) == {'commit': 'x'}
    (tmp_path / 'git.json').write_text('{}')  # a copy of what is of no repository
    assert git_state(package) is None
    installed = tmp_path / 'site-packages' / 'package'
    installed.mkdir(parents=True)
    assert git_state(installed) is None  # whatever repository its environment lies in


def test_published_weights_give_the_same_result(toy_config, tmp_path):
    metrics = train(str(toy_config), {'max_iters': 4}, str(tmp_path / 'run'))
    out = publish(tmp_path / 'run', tmp_path / 'published')
    again = evaluate(
        str(out / 'config.py'), str(out / 'model.safetensors'), work_dir=str(tmp_path / 'test')
    )
    assert again == metrics


@pytest.mark.parametrize('name', ['confusion.npz', 'run.json'])
def test_without_room_at_the_end_the_former_file_stays_and_the_error_is_clear(
    toy_config, tmp_path, monkeypatch, name
):
    folder, options = tmp_path / 'run', {'max_iters': 2, 'default_hooks.panel': None}
    train(str(toy_config), options, str(folder))
    kept = files.os.replace

    def full(source, target):
        beginning = Path(target).name == 'run.json' and b'"state": "running"' in source.read_bytes()
        if Path(target).name == name and not beginning:
            raise OSError(errno.ENOSPC, 'No space left on device')
        kept(source, target)

    monkeypatch.setattr(files.os, 'replace', full)
    with pytest.raises(UserError, match=f'cannot write {name}, the disk is full'):
        train(str(toy_config), options, str(folder), resume=True)
    with np.load(folder / CONFUSION) as file:
        assert file['head'].shape == (3, 3)
    assert read_record(folder)['state'] == 'running'
    assert list(folder.glob('.*.tmp')) == []


def test_without_room_for_the_test_s_line_the_error_is_clear(toy_config, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(MetricsFileHook, 'after_test_epoch', full)
    with pytest.raises(UserError, match='the disk is full'):
        train(str(toy_config), {'max_iters': 2}, str(tmp_path / 'run'))
