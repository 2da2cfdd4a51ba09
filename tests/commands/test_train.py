"""Whole runs of the toy model: each a second or two."""

import json
import multiprocessing

import pytest
import torch
from mmengine.logging import MMLogger
from toy_parts import SEPARATE

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.errors import UserError

QUICK = {'default_hooks.panel': None, 'max_iters': 6, 'val_interval': 3}


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


def run(config, work_dir, **options):
    flags = {key: options.pop(key) for key in ('resume', 'amp', 'seed') if key in options}
    metrics = train(str(config), {**QUICK, **options}, str(work_dir), **flags)
    last = (work_dir / 'last_checkpoint').read_text()
    return metrics, load_checkpoint(work_dir / last)


def assert_same_weights(first, second):
    assert first['state_dict'].keys() == second['state_dict'].keys()
    for key, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][key]), key


def test_same_seed_same_bits_and_the_test_tool_repeats_the_number(toy_config, tmp_path, capsys):
    metrics, first = run(toy_config, tmp_path / 'a')
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f'mIoU: {metrics["mIoU"]:.2f}'
    assert any('green' in line for line in printed)
    _, second = run(toy_config, tmp_path / 'b')
    assert_same_weights(first, second)
    again = evaluate(str(toy_config), str(tmp_path / 'a/iter_6.pth'), QUICK, str(tmp_path / 'test'))
    assert again == metrics
    _, other = run(toy_config, tmp_path / 'c', seed=1)
    key = 'backbone.conv1.weight'
    assert not torch.equal(first['state_dict'][key], other['state_dict'][key])


def test_training_learns_and_writes_its_record(toy_config, tmp_path, capsys):
    metrics, _ = run(toy_config, tmp_path / 'w', max_iters=60, val_interval=30, lr=0.02)
    assert metrics['mIoU'] > 50
    folder = tmp_path / 'w'
    assert {path.name for path in folder.glob('iter_*')} == {'iter_30.pth', 'iter_60.pth'}
    lines = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    losses = {line['step']: line['loss'] for line in lines if line['split'] == 'train'}
    assert list(losses) == list(range(1, 61))
    assert losses[60] < losses[1]
    assert [line['step'] for line in lines if line['split'] == 'val'] == [30, 60]
    assert lines[-1] == {'step': 60, 'split': 'test', **metrics}
    assert next(folder.glob('*/*.log')).read_text().count('per class') == 3
    printed = capsys.readouterr().out
    assert 'global batch 4 = 1 rank(s) x 4 images x 1 accumulation' in printed
    assert printed.count('iteration ') == 20 + 2
    assert 'mmengine' not in printed


def test_accumulation_gives_the_step_of_the_whole_batch(labelled_config, tmp_path):
    _, whole = run(labelled_config, tmp_path / 'whole', lr=0.02, gpu_batch=4, **SEPARATE)
    _, parts = run(labelled_config, tmp_path / 'parts', lr=0.02, gpu_batch=1, **SEPARATE)
    assert whole['meta']['iter'] == parts['meta']['iter'] == 6
    assert parts['optimizer']['state'][0]['step'] == 6
    for key, value in whole['state_dict'].items():
        torch.testing.assert_close(parts['state_dict'][key], value, atol=1e-5, rtol=1e-4)


def test_a_resumed_run_without_random_augmentation_ends_bit_equal(toy_config, tmp_path, capsys):
    options = {'train_pipeline': '${test_pipeline}', 'model.decode_head.dropout_ratio': 0.0}
    _, whole = run(toy_config, tmp_path / 'whole', **options)
    folder = tmp_path / 'cut'
    run(toy_config, folder, **options)
    (folder / 'iter_6.pth').unlink()
    (folder / 'last_checkpoint').write_text('iter_3.pth')
    _, resumed = run(toy_config, folder, resume=True, **options)
    assert 'resuming from' in capsys.readouterr().out
    assert_same_weights(whole, resumed)
    rates = [[group['lr'] for group in c['optimizer']['param_groups']] for c in (whole, resumed)]
    assert rates[0] == rates[1]
    lines = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines if line['split'] == 'train'] == [1, 2, 3, 4, 5, 6]
    assert [line['step'] for line in lines if line['split'] == 'val'] == [3, 6]


def test_resume_without_a_checkpoint_starts(toy_config, tmp_path, capsys):
    run(toy_config, tmp_path / 'w', resume=True)
    assert 'starting from the beginning' in capsys.readouterr().out


@pytest.mark.parametrize('amp', ['bf16', 'fp16'])
def test_autocast_trains(toy_config, tmp_path, amp):
    metrics, _ = run(toy_config, tmp_path / 'w', amp=amp)
    assert 0 <= metrics['mIoU'] <= 100


def test_a_loss_that_is_not_finite_stops_the_run(toy_config, tmp_path):
    with pytest.raises(UserError) as error:
        run(toy_config, tmp_path / 'w', **{'model.backbone.poison_after': 5})
    text = str(error.value)
    assert 'iteration 5: the loss is not finite (decode.loss_ce=nan' in text
    assert text.count('/images/training/') == 4
    assert (tmp_path / 'w/last_checkpoint').read_text() == 'iter_3.pth'


def test_no_logger_of_mmengine_prints(toy_config, tmp_path):
    run(toy_config, tmp_path / 'w')
    kinds = {type(h).__name__ for log in MMLogger._instance_dict.values() for h in log.handlers}
    assert kinds <= {'FileHandler', 'NullHandler'}


def test_masks_overlays_and_the_panel_are_written(toy_config, tmp_path):
    train(str(toy_config), {'max_iters': 2}, str(tmp_path / 'w'))
    assert (tmp_path / 'w/panel.png').stat().st_size > 10_000
    out, show = tmp_path / 'out', tmp_path / 'show'
    checkpoint = str(tmp_path / 'w/iter_2.pth')
    options = dict(QUICK, eval_batch=1)
    evaluate(
        str(toy_config),
        checkpoint,
        options,
        str(tmp_path / 't'),
        'val',
        out=str(out),
        show_dir=str(show),
    )
    names = {'000.png', '001.png', '002.png'}
    assert {path.name for path in out.iterdir()} == {path.name for path in show.iterdir()} == names


def test_a_checkpoint_of_another_model_is_refused(toy_config, tmp_path):
    run(toy_config, tmp_path / 'w')
    with pytest.raises(UserError, match='other shape: .*conv1'):
        evaluate(
            str(toy_config),
            str(tmp_path / 'w/iter_6.pth'),
            {**QUICK, 'model.backbone.width': 4, 'model.decode_head.in_channels': 4},
            str(tmp_path / 't'),
        )


def test_no_loader_process_outlives_its_run(toy_config, tmp_path):
    options = {'max_iters': 2, 'val_interval': 2, 'num_workers': 2, 'default_hooks.panel': None}
    before = set(multiprocessing.active_children())  # of other tests
    train(str(toy_config), dict(options), str(tmp_path / 'run'))
    assert set(multiprocessing.active_children()) <= before
    evaluate(str(toy_config), str(tmp_path / 'run' / 'iter_2.pth'), options, str(tmp_path / 'test'))
    assert set(multiprocessing.active_children()) <= before
