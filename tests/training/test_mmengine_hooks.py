"""Hooks of mmengine and MMSegmentation that people add do what they do there, or are refused."""

import json
from pathlib import Path

import pytest
from mmseg.models import EncoderDecoder

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.config.load import load_config
from icpc.errors import UserError

QUICK = {'default_hooks.panel': None}
EARLY = dict(type='EarlyStoppingHook', monitor='mIoU', patience=2, min_delta=200.0)


def run(config: Path, folder: Path, hook: dict, resume: bool = False, **options: object) -> dict:
    return train(
        str(config), {**QUICK, 'custom_hooks': [hook], **options}, str(folder), resume=resume
    )


def record(folder: Path) -> dict:
    return json.loads((folder / 'run.json').read_text())


def test_a_run_that_early_stopping_ended_is_finished(toy_config, tmp_path, capsys):
    folder = tmp_path / 'run'
    options = {'val_interval': 2, 'default_hooks.checkpoint.interval': 5}
    given = run(toy_config, folder, EARLY, **options)
    assert (record(folder)['state'], record(folder)['steps']) == ('finished', 6)
    assert sorted(path.name for path in folder.glob('*.pth')) == ['iter_5.pth', 'iter_6.pth']
    again = evaluate(
        str(toy_config),
        str(folder / 'iter_6.pth'),
        {**QUICK, 'custom_hooks': [EARLY]},
        str(tmp_path / 'test'),
    )
    assert again == given
    capsys.readouterr()
    assert run(toy_config, folder, EARLY, resume=True, **options) == given
    assert 'nothing is left to train' in capsys.readouterr().out
    assert record(folder)['steps'] == 6


def test_its_patience_goes_on_where_it_was(toy_config, tmp_path):
    options = {'val_interval': 2, 'default_hooks.checkpoint.keep': 9}
    run(toy_config, tmp_path, EARLY, **options)
    (tmp_path / 'iter_6.pth').unlink()
    (tmp_path / 'last_checkpoint').write_text('iter_4.pth')
    assert load_checkpoint(tmp_path / 'iter_4.pth')['meta']['early_stops'][0][0] == 1
    run(toy_config, tmp_path, EARLY, resume=True, **options)
    assert record(tmp_path)['steps'] == 6


def test_a_profiler_writes_its_trace_and_may_stay_for_the_test(toy_config, tmp_path):
    trace = tmp_path / 'trace.json'
    hook = dict(type='ProfilerHook', by_epoch=False, profile_times=2, json_trace_path=str(trace))
    run(toy_config, tmp_path / 'run', hook, max_iters=3)
    assert any(
        'conv2d' in event.get('name', '') for event in json.loads(trace.read_text())['traceEvents']
    )
    checkpoint = str(tmp_path / 'run/iter_3.pth')
    evaluate(str(toy_config), checkpoint, {**QUICK, 'custom_hooks': [hook]}, str(tmp_path / 'test'))


def test_segmentation_pictures_are_drawn(toy_config, tmp_path):
    hook = dict(type='SegVisualizationHook', draw=True, interval=1)
    with pytest.raises(UserError, match=r'custom_hooks\.0: .*visualizer\.vis_backends'):
        load_config(toy_config, {'custom_hooks': [hook]})
    backends = {'visualizer.vis_backends': [dict(type='LocalVisBackend')]}
    run(toy_config, tmp_path / 'run', hook, max_iters=1, **backends)
    assert len(list((tmp_path / 'run').rglob('vis_image/test_*.png'))) == 5


def test_mmengine_s_average_is_refused(toy_config):
    with pytest.raises(UserError, match=r'custom_hooks\.0: EMAHook .*ema=0\.9998'):
        load_config(toy_config, {'custom_hooks': [dict(type='EMAHook')]})


def test_a_training_step_of_ones_own_is_refused(toy_config, tmp_path, monkeypatch):
    monkeypatch.setattr(EncoderDecoder, 'train_step', lambda *_: {}, raising=False)
    with pytest.raises(UserError, match=r'EncoderDecoder\.train_step would not be called'):
        train(str(toy_config), dict(QUICK), str(tmp_path))
    assert not (tmp_path / 'run.json').exists()
