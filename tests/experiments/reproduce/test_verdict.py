import json
import math

import pytest
import torch

from icpc.errors import UserError
from icpc.experiments.reproduce.repeat import MARK, command, environment
from icpc.experiments.reproduce.run_difference import causes, first_difference, weights_equal
from icpc.experiments.reproduce.verdict import compare, overall, same_but_seed, seed_band
from icpc.experiments.reproduce.verdict_report import reproduce
from icpc.run_dir.record import RunRecord


@pytest.fixture
def make_run(tmp_path):
    def make_run(name, value, seed=0, weight=1.0, loss=0.5, lr=0.1, **changes):
        folder = tmp_path / name
        folder.mkdir()
        record = {
            'state': 'finished',
            'seed': seed,
            'batch': {'ranks': 1},
            'versions': {'torch': '2'},
            'metrics': {'test': {'step': 2, 'mIoU': value}},
            **changes,
        }
        (folder / 'run.json').write_text(json.dumps(record))
        tree = {'lr': lr, 'seed': seed, 'randomness': {'seed': seed}, 'work_dir': str(folder)}
        (folder / 'resolved_config.json').write_text(json.dumps(tree))
        lines = [
            {'step': 1, 'split': 'train', 'loss': 0.7},
            {'step': 2, 'split': 'train', 'loss': loss},
        ]
        (folder / 'metrics.jsonl').write_text('\n'.join(map(json.dumps, lines)))
        torch.save({'state_dict': {'w': torch.tensor([weight])}}, folder / 'iter_2.pth')
        (folder / 'last_checkpoint').write_text('iter_2.pth')
        return folder

    return make_run


def test_the_band_by_hand():
    # sd 1, n 3, t(0.975, 2) = 4.302653.
    half = 4.302653 * math.sqrt(4 / 3)
    assert seed_band([1.0, 2.0, 3.0]) == pytest.approx((2 - half, 2 + half), abs=1e-5)
    assert seed_band([1.0, 2.0]) is None


@pytest.mark.parametrize(
    ('again', 'verdict'),
    [(40.0, 'equal'), (41.0, 'within the seed band'), (60.0, 'different')],
)
def test_verdicts(make_run, again, verdict):
    seeds = [make_run(str(seed), 40.0 + 0.7 * seed, seed) for seed in range(3)]
    comparisons = compare(seeds[0], make_run('again', again), seeds)
    assert overall(comparisons) == verdict


def test_without_other_seeds_only_equal_is_the_same(make_run):
    run = make_run('run', 40.0)
    assert overall(compare(run, make_run('again', 40.001), [run])) == 'different'


def test_the_worst_number_decides(make_run):
    metrics = {'test': {'step': 2, 'mIoU': 1.0, 'aAcc': 2.0}}
    run = make_run('run', 0, metrics=metrics)
    worse = {'test': {**metrics['test'], 'aAcc': 3.0}}
    found = compare(run, make_run('again', 0, metrics=worse), [])
    assert [c.verdict for c in found] == ['equal', 'different']
    assert overall(found) == 'different'


def test_runs_of_the_band_differ_in_the_seed_alone(make_run):
    runs = [make_run(str(seed), 40.0, seed) for seed in range(3)]
    make_run('other', 40.0, lr=0.2)
    make_run('unfinished', 40.0, seed=5, state='running')
    assert same_but_seed(runs[1]) == runs


def test_a_seed_counts_once_and_only_with_the_same_code_data_and_weights(make_run):
    def made_of(**changes):
        return {'code': 'c', 'data': {'train': 'd'}, 'weights': 'w', **changes}

    x, x2, y = (
        make_run(name, 40.0, seed, fingerprints=made_of())
        for name, seed in (('x', 0), ('x2', 0), ('y', 1))
    )
    again = make_run('x-again', 40.0, 7, fingerprints=made_of())
    (again / MARK).write_text('{}')
    others = ({'code': 'e'}, {'data': {'train': 'e'}}, {'weights': 'e'})
    for seed, change in enumerate(others, 2):
        make_run(str(seed), 40.0, seed, fingerprints=made_of(**change))
    segments = [{'code': 'e'}, {'code': 'c'}]  # begun by other code
    make_run('resumed', 40.0, 6, fingerprints=made_of(), segments=segments)
    assert same_but_seed(x) == [x, y]
    assert same_but_seed(x2) == [x2, y]


def test_weights_and_the_first_step_that_differs(make_run):
    run, same = make_run('run', 1.0), make_run('same', 1.0)
    other = make_run('other', 1.0, weight=1.0000001, loss=0.6)
    assert weights_equal(run, same)
    assert not weights_equal(run, other)
    assert first_difference(run, same) is None
    assert first_difference(run, other) == 'step 2, train loss: 0.5 and then 0.6'
    (other / 'iter_2.pth').unlink()
    assert weights_equal(run, other) is None


def test_causes_name_what_differs_and_nothing_else():
    first = {'versions': {'torch': '2', 'numpy': '1'}, 'seed': 0, 'seconds': 3}
    second = {'versions': {'torch': '3', 'numpy': '1'}, 'seed': 0, 'seconds': 4}
    assert causes(RunRecord(**first), RunRecord(**second)) == ['versions.torch: 2 -> 3']


def test_causes_name_what_changed_when_a_run_was_resumed():
    first = {'code': 'a', 'ranks': 1, 'versions': {'torch': '2'}, 'seconds': 3}
    last = {**first, 'code': 'b', 'versions': {'torch': '3'}}
    again = RunRecord(segments=[first, first, last])
    assert causes(RunRecord(segments=[{'seconds': 1}, first]), again) == [
        'repetition, resumed for segment 3 of 3: code: a -> b',
        'repetition, resumed for segment 3 of 3: versions.torch: 2 -> 3',
    ]
    other = RunRecord(segments=[first, {**first, 'ranks': 2}])
    assert causes(other, RunRecord()) == ['run, resumed for segment 2 of 2: ranks: 1 -> 2']


def test_as_many_ranks_as_the_run_had(make_run, tmp_path):
    run = make_run('run', 1.0, batch={'ranks': 2})
    words = command(run, tmp_path / 'out', tmp_path / 'train.py')
    assert '--nproc_per_node=2' in words
    assert words[-2:] == ['--launcher', 'pytorch']


def test_as_many_threads_as_the_run_had(make_run, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    assert environment(make_run('run', 1.0, machine={'threads': 3}))['OMP_NUM_THREADS'] == '3'
    assert environment(make_run('other', 1.0))['OMP_NUM_THREADS'] == '7'


def test_the_whole_way_with_a_trainer_that_drifts(make_run, tmp_path, capsys):
    run = make_run('run', 1.0)
    trainer = tmp_path / 'train.py'
    trainer.write_text(
        'import shutil, sys, pathlib\n'
        'source = pathlib.Path(sys.argv[1]).parent\n'
        'shutil.copytree(source, sys.argv[3], dirs_exist_ok=True)\n'
        "file = pathlib.Path(sys.argv[3]) / 'run.json'\n"
        'file.write_text(file.read_text().replace(\'"mIoU": 1.0\', \'"mIoU": 1.5\'))\n'
    )
    assert not reproduce(run, None, trainer)
    assert 'run: different' in capsys.readouterr().out.splitlines()[-1]
    trainer.write_text('raise SystemExit(3)')
    with pytest.raises(UserError, match='exit code 3'):
        reproduce(run, tmp_path / 'elsewhere', trainer)


def test_an_unfinished_run_is_refused(make_run, tmp_path):
    with pytest.raises(UserError, match='is not finished'):
        reproduce(make_run('run', 1.0, state='running'), None, tmp_path / 'train.py')
    with pytest.raises(UserError, match=r'no run\.json'):
        reproduce(tmp_path, None, tmp_path / 'train.py')
