"""What a start leaves of a former run in the same work dir."""

import json
import shutil

import pytest
import torch
from toy_run import write_config

from icpc.commands.train import train
from icpc.errors import UserError
from icpc.run_dir import provenance
from icpc.run_dir.provenance import command_line
from icpc.run_dir.record import read_record

QUICK = {'max_iters': 2, 'val_interval': 2, 'default_hooks.panel': None}
KEPT = ('run.json', 'config.py', 'resolved_config.json', 'metrics.jsonl', 'last_checkpoint')


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    root = tmp_path_factory.mktemp('original')
    with torch.random.fork_rng():
        train(str(write_config(root, low=0)), QUICK, str(root / 'run'))
    return root


@pytest.fixture
def finished(original, tmp_path):
    return shutil.copytree(original / 'run', tmp_path / 'run')


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'tracker': 'tensorbord'}, 'did you mean tensorboard'),
        ({'seed': -1}, 'seed must be'),
        ({'global_batch': 0}, 'global_batch must be'),
        ({'load_from': 'SELF', 'model.decode_head.channels': 4}, 'does not fit the model'),
        ({'activation_checkpointing': True}, 'no part of this model can recompute'),
    ],
)
def test_a_start_that_is_refused_leaves_the_former_run_alone(original, finished, options, reason):
    options = {k: str(finished / 'iter_2.pth') if v == 'SELF' else v for k, v in options.items()}
    before = {name: (finished / name).read_bytes() for name in KEPT}
    with pytest.raises(UserError, match=reason):
        train(str(original / 'toy.py'), {**QUICK, **options}, str(finished))
    assert {name: (finished / name).read_bytes() for name in KEPT} == before
    assert not list(finished.glob('run.former*'))


def test_a_start_in_part_trains_and_is_recorded(original, tmp_path, capsys):
    start = {'load_from': str(original / 'run' / 'iter_2.pth'), 'load_from_partial': True}
    options = {**QUICK, **start, 'model.decode_head.channels': 4}
    train(str(original / 'toy.py'), options, str(tmp_path / 'new'))
    said = capsys.readouterr().out
    assert 'not taken, shape (3, 8, 1, 1) in the file, (3, 4, 1, 1) in the model: ' in said
    tree = json.loads((tmp_path / 'new' / 'resolved_config.json').read_text())
    assert tree['load_from_partial'] is True


def test_a_run_that_replaces_a_finished_one_keeps_its_record(original, finished, capsys):
    first = (finished / 'run.json').read_text()
    for number in (1, 2):
        train(str(original / 'toy.py'), QUICK, str(finished), seed=number)
    assert 'its record is now run.former.2.json' in capsys.readouterr().out
    assert (finished / 'run.former.json').read_text() == first
    assert json.loads((finished / 'run.former.2.json').read_text())['seed'] == 1
    assert read_record(finished)['seed'] == 2


@pytest.mark.parametrize(
    ('launcher', 'world', 'local', 'expected'),
    [
        ('none', None, None, 'python tools/train.py a.py'),
        ('pytorch', 2, 2, 'torchrun --nproc_per_node 2 tools/train.py a.py'),
        (
            *('pytorch', 8, 4),
            'torchrun --nproc_per_node 4 --nnodes 2 --rdzv_backend c10d --rdzv_endpoint '
            'FIRST_NODE:29500 tools/train.py a.py',
        ),
        ('slurm', 4, None, 'srun --ntasks=4 python tools/train.py a.py'),
    ],
)
def test_the_command_starts_as_many_ranks(monkeypatch, launcher, world, local, expected):
    monkeypatch.setattr(provenance.sys, 'argv', ['tools/train.py', 'a.py'])
    monkeypatch.setattr(provenance.sys, 'executable', '/venv/bin/python')
    for name, value in (('WORLD_SIZE', world), ('LOCAL_WORLD_SIZE', local)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(value))
    assert command_line(launcher) == expected
