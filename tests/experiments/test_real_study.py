"""A study of real trainings, killed whole at a random moment and run again."""

import csv
import itertools
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from forked_process import ForkedProcess
from toy_run import write_config

from icpc.checkpoints.content import latest_checkpoint, load_checkpoint
from icpc.experiments import ablate as ablation
from icpc.experiments.ablate import Request, ablate
from icpc.experiments.execution import jobs

TESTS = Path(__file__).resolve().parents[1]
TOOLS = TESTS.parent / 'tools'


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two by two rows on two seeds: an eight-step training of two convolutions each."""
    monkeypatch.syspath_prepend(str(TESTS / 'helpers'))  # toy_parts
    monkeypatch.setattr(ablation, 'code_fingerprint', lambda *_: 'code')
    fork = SimpleNamespace(**{**vars(jobs.subprocess), 'Popen': ForkedProcess})
    monkeypatch.setattr(jobs, 'subprocess', fork)
    config = write_config(tmp_path, low=0)
    path = tmp_path / 'real.py'
    path.write_text(
        f'base = {str(config)!r}\n'
        "grid = {'lr': [0.02, 0.05], 'model.decode_head.dropout_ratio': [0.1, 0.5]}\n"
        'seeds = [0, 1]\n'
        "metrics = ['mIoU', 'aAcc']\n"
        "baseline = 'lr=0.02, dropout_ratio=0.1'\n"
        "shared = {'max_iters': 8, 'val_interval': 4, 'default_hooks.panel': None}\n"
    )
    return path


def results(out: Path) -> list[list[str]]:
    """The table's numbers, without time and memory."""
    with (out / 'table.csv').open() as file:
        return [row[:-2] for row in csv.reader(file)]


def weights(out: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Row and seed -> the last weights."""
    folders = sorted(path.parent for path in out.rglob('run.json'))
    return {
        f'{folder.parent.name} {folder.name}': load_checkpoint(latest_checkpoint(folder))[
            'state_dict'
        ]
        for folder in folders
    }


def kill_everything(tool: int) -> None:
    """SIGKILL for the tool and for all its trainings at once."""
    os.kill(tool, signal.SIGSTOP)  # so that it starts no other
    children = Path(f'/proc/{tool}/task/{tool}/children').read_text().split()
    for pid in [*map(int, children), tool]:
        os.kill(pid, signal.SIGKILL)


def under_way(out: Path) -> bool:
    """Whether a run is there that has a checkpoint and is not finished."""
    begun = {path.parent for path in (out / 'runs').rglob('last_checkpoint')}
    return any('"finished"' not in (folder / 'run.json').read_text() for folder in begun)


def finished(out: Path) -> int:
    # Not in all of `out`: the copy of the code is renamed when it is whole.
    return sum('"finished"' in path.read_text() for path in (out / 'runs').rglob('run.json'))


def test_killed_whole_at_a_random_moment_and_run_again_gives_the_same(tmp_path, study_file):
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    assert ablate(Request(str(study_file), out=str(whole), jobs=2, gpus=[]), TOOLS) == []
    request = Request(str(study_file), out=str(broken), jobs=2, gpus=[])
    tool = multiprocessing.get_context('fork').Process(target=ablate, args=(request, TOOLS))
    tool.start()
    enough, deadline = random.randint(2, 5), time.time() + 60
    while (finished(broken) < enough or not under_way(broken)) and time.time() < deadline:
        time.sleep(0.005)
    time.sleep(random.uniform(0.0, 0.1))
    kill_everything(tool.pid)
    tool.join()
    done = {path: path.stat().st_mtime_ns for path in broken.rglob('run.json')}
    assert 2 <= finished(broken) < 8
    kept = {path for path in done if '"finished"' in path.read_text()}
    assert ablate(request, TOOLS) == []
    assert results(broken) == results(whole)
    assert all(path.stat().st_mtime_ns == done[path] for path in kept), 'made twice'
    first, second = weights(whole), weights(broken)
    assert first.keys() == second.keys()
    assert len(first) == 8
    for run, state in first.items():
        assert all(torch.equal(state[key], second[run][key]) for key in state), run
    states = [state['backbone.conv1.weight'] for state in first.values()]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(states, 2))
