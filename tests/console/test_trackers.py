"""Trackers that are installed get every number; the others are named with what installs them."""

import builtins
import json

import pytest

from icpc.commands.train import train
from icpc.console.trackers import check_tracker, open_tracker
from icpc.errors import UserError
from icpc.run_dir.metrics_file import MetricsFileHook

Numbers = dict[str, dict[int, float]]


def tensorboard_numbers(work_dir) -> Numbers:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(work_dir / 'tensorboard'))
    events.Reload()
    tags = events.Tags()['scalars']
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in tags}


def mlflow_numbers(work_dir) -> Numbers:
    from mlflow import MlflowClient

    client = MlflowClient(f'sqlite:///{work_dir}/mlflow.db')
    run = json.loads((work_dir / 'tracker.json').read_text())
    keys = client.get_run(run).data.metrics
    return {key: {m.step: m.value for m in client.get_metric_history(run, key)} for key in keys}


READERS = {'tensorboard': tensorboard_numbers, 'mlflow': mlflow_numbers}


def logged(work_dir) -> Numbers:
    """The same from metrics.jsonl."""
    numbers: Numbers = {}
    for line in map(json.loads, (work_dir / 'metrics.jsonl').read_text().splitlines()):
        step, split = line.pop('step'), line.pop('split')
        for key, value in line.items():
            numbers.setdefault(f'{split}/{key}', {})[step] = value
    return numbers


@pytest.mark.parametrize('kind', READERS)
def test_a_tracker_has_the_numbers_of_metrics_jsonl(kind, toy_config, tmp_path):
    pytest.importorskip(kind, reason=f"{kind} is not installed: pip install 'icpc[{kind}]'")
    folder = tmp_path / 'run'
    train(str(toy_config), {'max_iters': 4, 'tracker': kind}, str(folder))
    found, expected = READERS[kind](folder), logged(folder)
    assert found.keys() == expected.keys()
    assert {'train/loss', 'val/mIoU', 'test/mIoU'} <= found.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, rel=1e-6)


def test_wandb_writes_a_run_offline(toy_config, tmp_path, monkeypatch):
    pytest.importorskip('wandb', reason="wandb is not installed: pip install 'icpc[wandb]'")
    monkeypatch.setenv('WANDB_MODE', 'offline')
    folder = tmp_path / 'run'
    train(str(toy_config), {'max_iters': 4, 'tracker': 'wandb'}, str(folder))
    identity = json.loads((folder / 'tracker.json').read_text())
    files = list(folder.glob(f'wandb/offline-run-*/run-{identity}.wandb'))
    assert files
    assert all(file.stat().st_size > 0 for file in files)


def test_a_resumed_run_takes_back_what_it_will_log_again(tmp_path):
    pytest.importorskip('tensorboard', reason="not installed: pip install 'icpc[tensorboard]'")
    for begin, value in ((0, 1.0), (2, 5.0)):
        tracker = open_tracker('tensorboard', tmp_path, {}, begin)
        for step in range(begin + 1, 5):
            tracker.log(step, {'train/loss': value})
        tracker.close()
    assert tensorboard_numbers(tmp_path)['train/loss'] == {1: 1.0, 2: 1.0, 3: 5.0, 4: 5.0}


def test_an_unknown_tracker_is_refused_before_anything_runs(toy_config, tmp_path):
    with pytest.raises(UserError, match='did you mean tensorboard'):
        train(str(toy_config), {'tracker': 'tensorbord'}, str(tmp_path / 'run'))
    assert not (tmp_path / 'run' / 'metrics.jsonl').exists()


@pytest.mark.parametrize('kind', ['tensorboard', 'wandb', 'mlflow'])
def test_a_missing_package_is_named_with_its_extra(kind, monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.split('.')[0] == kind:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr('importlib.import_module', absent)
    with pytest.raises(UserError, match=rf"pip install 'icpc\[{kind}\]'"):
        MetricsFileHook(tracker=kind)


def test_no_tracker_needs_nothing():
    check_tracker(None)
