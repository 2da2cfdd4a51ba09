import json

import pytest

from icpc.errors import UserError
from icpc.experiments.reproduce.repeat import MARK, repeat

# Notes how it was called; ends as the first word of `state` says.
_TRAINER = """
import json, os, pathlib, sys

out = pathlib.Path(sys.argv[3])
with (out / 'calls.txt').open('a') as file:
    file.write(' '.join(sys.argv[4:]) + '|')
(out / 'iter_2.pth').write_text('')
state = pathlib.Path(__file__).with_name('state').read_text()
(out / 'run.json').write_text(json.dumps({'state': state}))
sys.exit({'finished': 0, 'running': 9, 'requeue': 75}[state])
"""


@pytest.fixture
def make_run(tmp_path):
    def make_run(name, run):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        record = {'state': 'finished', 'run': run, 'batch': None}
        (folder / 'run.json').write_text(json.dumps(record))
        return folder

    return make_run


@pytest.fixture
def trainer(tmp_path):
    path = tmp_path / 'train.py'
    path.write_text(_TRAINER)

    def ending(state):
        (tmp_path / 'state').write_text(state)
        return path

    return ending


def calls(out):
    return (out / 'calls.txt').read_text()


def test_a_folder_that_is_no_repetition_is_refused(make_run, trainer, tmp_path):
    run, other = make_run('a', '1'), make_run('b', '2')
    with pytest.raises(UserError, match='is the run itself'):
        repeat(run, tmp_path / 'b' / '..' / 'a', trainer('finished'))
    with pytest.raises(UserError, match='b exists and is no repetition'):
        repeat(run, other, trainer('finished'))
    assert not (other / 'calls.txt').exists()


def test_a_finished_repetition_is_compared_as_it_is_and_only_with_its_run(
    make_run, trainer, tmp_path, capsys
):
    run, out = make_run('a', '1'), tmp_path / 'out'
    repeat(run, out, trainer('finished'))
    repeat(run, out, trainer('running'))
    assert calls(out) == '|'
    assert 'was made already' in capsys.readouterr().out
    with pytest.raises(UserError, match='repeats another run'):
        repeat(make_run('b', '2'), out, trainer('finished'))
    with pytest.raises(UserError, match='repeats another run'):  # trained anew in its folder
        repeat(make_run('a', '3'), out, trainer('finished'))
    for damaged in ('{', '[]', '{"run": "1"}'):
        (out / MARK).write_text(damaged)
        with pytest.raises(UserError, match=f'{MARK}: is .*damaged.*; remove {out}'):
            repeat(run, out, trainer('finished'))


@pytest.mark.parametrize(('config', 'flags'), [({'seed': None}, '--seed 7'), ({'seed': 7}, '')])
def test_a_seed_that_chance_chose_is_passed_on(config, flags, make_run, trainer, tmp_path):
    run, out = make_run('a', '1'), tmp_path / 'out'
    record = json.loads((run / 'run.json').read_text())
    (run / 'run.json').write_text(json.dumps({**record, 'seed': 7}))
    (run / 'resolved_config.json').write_text(json.dumps(config))
    repeat(run, out, trainer('finished'))
    assert calls(out) == f'{flags}|'


def test_an_unfinished_repetition_is_resumed(make_run, trainer, tmp_path):
    run, out = make_run('a', '1'), tmp_path / 'out'
    with pytest.raises(UserError, match='failed with exit code 9'):
        repeat(run, out, trainer('running'))
    with pytest.raises(UserError, match='stopped and saved; the same command goes on'):
        repeat(run, out, trainer('requeue'))
    repeat(run, out, trainer('finished'))
    assert calls(out) == '|--resume|--resume|'
