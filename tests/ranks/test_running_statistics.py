"""Batch norms that two ranks train without synchronising: what is recorded is what is saved."""

import json
from pathlib import Path
from types import SimpleNamespace

import norms_training
import pytest
import torch
from norms_training import OPTIONS
from running_tools import run_tool
from torch import nn
from toy_run import write_config

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.evaluate import evaluate
from icpc.ranks import running_statistics
from icpc.ranks.running_statistics import average_running_statistics

# Their runs are made once, by one of the processes that run the tests.
pytestmark = pytest.mark.xdist_group('norms')


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('norms')
    config = write_config(folder, low=0)
    script = str(Path(norms_training.__file__))
    printed = run_tool(script, str(config), str(folder), ranks=2, log=folder / 'log', limit=180)
    return SimpleNamespace(config=str(config), folder=folder, printed=printed)


def recorded(folder: Path) -> dict[tuple[str, int], dict]:
    lines = map(json.loads, (folder / 'metrics.jsonl').read_text().splitlines())
    return {(line.pop('split'), line.pop('step')): line for line in lines}


@pytest.mark.parametrize('name', ['whole', 'resumed', 'sharded'])
def test_one_process_gives_the_recorded_numbers_of_every_checkpoint(runs, name, tmp_path):
    numbers = recorded(runs.folder / name)
    for split, step in (('val', 4), ('test', 5)):
        path = str(runs.folder / name / f'iter_{step}.pth')
        found = evaluate(runs.config, path, OPTIONS, str(tmp_path / split), split)
        assert found == numbers[split, step]
    assert (runs.folder / name / 'panel.png').stat().st_size > 10_000


def test_neither_saving_nor_resuming_changes_a_bit(runs):
    whole, resumed = (load_checkpoint(runs.folder / n / 'iter_5.pth') for n in ('whole', 'resumed'))
    for part in ('state_dict', 'ema_state_dict'):
        for key, value in whole[part].items():
            assert torch.equal(value, resumed[part][key]), key
    assert recorded(runs.folder / 'whole') == recorded(runs.folder / 'resumed')


def test_augmentation_over_two_ranks_gives_the_numbers_of_one(runs, tmp_path):
    path = str(runs.folder / 'whole/iter_5.pth')
    found = evaluate(runs.config, path, OPTIONS, str(tmp_path / 't'), 'val', tta=True)
    assert found == json.loads((runs.folder / 'tta.json').read_text())
    for kind in ('masks', 'shown'):
        names = {file.name for file in (runs.folder / kind).iterdir()}
        assert names == {'000.png', '001.png', '002.png'}
    assert f'averaged over 6 views: {runs.folder}/tta/panel.png' in runs.printed


def test_every_kind_of_trained_statistic_is_averaged_and_nothing_else(monkeypatch):
    model = nn.ModuleDict(
        dict(
            batch=nn.BatchNorm1d(2),
            instance=nn.InstanceNorm2d(2, track_running_stats=True),
            bare=nn.InstanceNorm2d(2),
            frozen=nn.BatchNorm2d(2).eval(),
            synchronised=nn.SyncBatchNorm(2),
        )
    )
    for norm in model.values():
        if norm.running_mean is not None:
            norm.running_mean.fill_(0.1)
            norm.running_var.fill_(0.7)
            norm.num_batches_tracked.fill_(5)

    def reduce(values):  # two more ranks: one with the same numbers, one with 3 more
        values.mul_(3).add_(3)

    monkeypatch.setattr(running_statistics, 'get_world_size', lambda: 3)
    monkeypatch.setattr(running_statistics, 'all_reduce', reduce)
    average_running_statistics(model)
    for name, norm in model.items():
        moved = name in ('batch', 'instance')
        if norm.running_mean is not None:
            torch.testing.assert_close(norm.running_mean, torch.full((2,), 0.1 + moved))
            torch.testing.assert_close(norm.running_var, torch.full((2,), 0.7 + moved))
            assert norm.num_batches_tracked == 5


def test_equal_numbers_stay_to_the_bit(monkeypatch):
    norm = nn.BatchNorm1d(999)
    norm.running_mean.normal_()
    before = norm.running_mean.clone()
    monkeypatch.setattr(running_statistics, 'get_world_size', lambda: 7)
    monkeypatch.setattr(running_statistics, 'all_reduce', lambda values: values.mul_(7))
    average_running_statistics(norm)
    assert torch.equal(norm.running_mean, before)
