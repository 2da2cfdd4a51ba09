"""Resuming under other options: what is refused, what is told, and what the record says."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from toy_run import write_config

from icpc.commands.train import train
from icpc.errors import UserError
from icpc.run_dir import starts
from icpc.run_dir.continuation import check_continues
from icpc.run_dir.provenance import versions
from icpc.run_dir.record import RESOLVED, read_record

QUICK = {
    'max_iters': 4,
    'val_interval': 4,
    'log_interval': 1,
    'default_hooks.panel': None,
}


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    root = tmp_path_factory.mktemp('original')
    config = write_config(root, low=0)
    with torch.random.fork_rng():
        train(str(config), QUICK, str(root / 'run'))
    return root


@pytest.fixture
def finished(original, tmp_path):
    return shutil.copytree(original / 'run', tmp_path / 'run')


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def lines(folder, split):
    every = map(json.loads, (folder / 'metrics.jsonl').read_text().splitlines())
    return [line for line in every if line['split'] == split]


def resume(original, folder, seed=None, **options):
    train(str(original / 'toy.py'), {**QUICK, **options}, str(folder), resume=True, seed=seed)


@pytest.mark.parametrize(
    ('options', 'difference'),
    [
        ({'seed': 7}, ': seed: 0 -> 7. Give'),
        ({'lr': 0.5}, ': lr: 0.005 -> 0.5. Give'),
        ({'max_iters': 5, 'global_batch': 2}, ': global_batch: 4 -> 2. Give'),
        ({'max_iters': 3}, ': max_iters: 4 -> 3. Give'),
        ({'warmup_iters': 3}, ': warmup_iters: 0 -> 3; '),
        ({'model.decode_head.dropout_ratio': 0.5}, 'model.decode_head.dropout_ratio: None -> 0.5'),
        ({'train_pipeline': '${test_pipeline}'}, ': train_pipeline: [{'),
    ],
)
def test_another_recipe_is_refused_and_nothing_written(original, finished, options, difference):
    before = files(finished)
    with pytest.raises(UserError) as error:
        resume(original, finished, **options)
    assert difference in str(error.value)
    assert f'the former run ({finished}/config.py' in str(error.value)
    assert 'load_from=' in str(error.value)
    assert files(finished) == before


def test_other_pictures_at_the_same_place_are_refused(original, finished, monkeypatch):
    monkeypatch.setattr(starts, 'data_fingerprint', lambda dataset: 'other')
    with pytest.raises(UserError, match="fingerprint of the train data: '.+' -> 'other'"):
        resume(original, finished)


def test_what_does_not_change_the_training_may_differ(original, finished, tmp_path):
    moved = shutil.copytree(original / 'data', tmp_path / 'moved')
    options = dict(num_workers=1, gpu_batch=2, log_interval=2, val_interval=2, eval_batch=1)
    resume(original, finished, data_root=str(moved), **options)
    assert read_record(finished)['state'] == 'finished'


def test_a_finished_run_stays_as_it_was(original, finished, capsys, monkeypatch):
    former, metrics = read_record(finished), (finished / 'metrics.jsonl').read_bytes()
    monkeypatch.setattr(starts, 'with_user_code', lambda *_: 'other')
    resume(original, finished)
    printed = capsys.readouterr().out
    assert f'{finished} is finished: nothing is left to train' in printed
    assert 'another version of the code' in printed
    record = read_record(finished)
    changing = {'segments', 'seconds', 'memory_mib', 'state'}
    assert {k: record[k] for k in record.keys() - changing} == {
        k: former[k] for k in former.keys() - changing
    }
    assert record['state'] == 'finished'
    assert (finished / 'metrics.jsonl').read_bytes() == metrics
    assert [segment['code'] for segment in record['segments']] == [
        former['fingerprints']['code'],
        'other',
    ]


def test_a_longer_run_keeps_its_schedule_and_says_so(original, finished, capsys):
    resume(original, finished, max_iters=6, val_interval=6)
    assert 'max_iters 4 -> 6: the schedules stay those of 4 steps' in capsys.readouterr().out
    record = read_record(finished)
    assert [segment['max_iters'] for segment in record['segments']] == [4, 6]
    assert (record['state'], record['steps']) == ('finished', 6)
    rates = [line['lr'] for line in lines(finished, 'train')]
    assert rates[1] > rates[3]
    assert rates[4] == rates[5] == pytest.approx(1e-6)


def test_segments_say_what_they_ran_on(original, finished):
    old = read_record(finished)
    old['segments'][0]['memory_mib']['process'] = 1e9
    old['versions']['torch'] = '0.1'
    (finished / 'run.json').write_text(json.dumps(old))
    resume(original, finished, gpu_batch=2)
    record = read_record(finished)
    first, second = record['segments']
    assert (first['ranks'], first['batch'], first['accumulation']) == (1, 4, 1)
    assert (second['ranks'], second['batch'], second['accumulation']) == (1, 2, 2)
    assert second['versions']['torch'] == versions()['torch']
    assert {'commit', 'dirty', 'code', 'command'} <= second.keys()
    assert record['memory_mib']['process'] == 1e9


def test_a_run_of_fsdp2_goes_on_with_ddp_and_on_a_cpu():
    before = {
        'parallel': 'fsdp2',
        'custom_hooks': [{'type': 'WholeInEvaluationHook'}],
        'model': {'norm_cfg': {'type': 'SyncBN'}},
        'train_cfg': {'max_iters': 4},
    }
    now = {'parallel': 'ddp', 'model': {'norm_cfg': {'type': 'BN'}}, 'train_cfg': {'max_iters': 4}}
    prints = {'fingerprints': {'code': 'a', 'data': {'train': 'b'}, 'weights': None}}
    check_continues('run', prints, before, prints, now)
    now['custom_hooks'] = [{'type': 'Other'}]
    with pytest.raises(UserError, match='custom_hooks'):
        check_continues('run', prints, before, prints, now)


@pytest.mark.parametrize(
    ('began', 'now', 'same'),
    [
        ('clip+start', 'clip+start', True),
        ('clip+start', 'clip', True),  # nothing reads load_from again
        ('+start', None, True),
        ('clip', 'other', False),
        ('clip', 'clip+start', False),
        ('clip+start', 'clip+other', False),
    ],
)
def test_the_weights_at_the_beginning_are_the_run_s(began, now, same):
    tree = {'train_cfg': {'max_iters': 4}}
    former, record = (
        {'run': 'a', 'segments': [], 'fingerprints': {'code': 'a', 'data': {}, 'weights': weights}}
        for weights in (began, now)
    )
    if same:
        check_continues('run', former, tree, record, tree)
        in_part = {**tree, 'load_from_partial': True}  # goes with load_from
        read_again = '+' in (now or '')
        with pytest.raises(UserError, match='partial') if read_again else nullcontext():
            check_continues('run', former, in_part, record, tree)
        kept = starts.continued(former, record, Path(__file__), done=False)
        assert kept['fingerprints']['weights'] == began
    else:
        with pytest.raises(UserError, match='weights at the beginning'):
            check_continues('run', former, tree, record, tree)


def test_without_a_global_batch_the_batch_of_a_rank_counts():
    prints = {'fingerprints': {'code': 'a', 'data': {'train': 'b'}, 'weights': None}}
    trees = [
        {'train_dataloader': {'batch_size': size}, 'train_cfg': {'max_iters': 4}} for size in (2, 4)
    ]
    with pytest.raises(UserError, match='train_dataloader.batch_size: 2 -> 4'):
        check_continues('run', prints, trees[0], prints, trees[1])


@pytest.mark.parametrize('name', ['run.json', RESOLVED])
def test_a_cut_record_is_named_and_made_again(original, finished, name, capsys):
    text = (finished / name).read_text()
    before = json.loads((finished / 'run.json').read_text())
    for damaged in (text[: len(text) // 2], '[]', '{"state": "finished", "segments": 3}'):
        if name == RESOLVED and damaged[0] == '{':
            damaged = '{"custom_hooks": 3}'
        (finished / name).write_text(damaged)
        resume(original, finished)
        assert f'{finished}/{name}: is ' in capsys.readouterr().out
        after = json.loads((finished / 'run.json').read_text())
        assert (after['state'], after['run']) == ('finished', before['run'])
        assert after['metrics'] == before['metrics']
        assert json.loads((finished / RESOLVED).read_text())['max_iters']


def test_a_damaged_config_does_not_let_another_recipe_in(original, finished):
    (finished / RESOLVED).write_text('{')
    with pytest.raises(UserError, match=f'{RESOLVED}: is damaged, and by its hash'):
        resume(original, finished, lr=0.5)
