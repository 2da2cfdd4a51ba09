"""A work directory has one writer."""

import errno
import fcntl
import json
import multiprocessing
import os
import platform
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from forked_process import ForkedProcess

from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.errors import UserError
from icpc.experiments.publish import publish
from icpc.run_dir.lock import NAME, _is_there, only_writer
from icpc.run_dir.record import read_record

ROOT = Path(__file__).resolve().parents[2]


def hold(folder, ready):
    with only_writer(folder):
        ready.set()
        time.sleep(60)


def hold_and_leave_a_child(folder, ready):
    with only_writer(folder):
        if os.fork() == 0:  # as a loader's process, it keeps the file open
            time.sleep(3)
            os._exit(0)
        ready.set()
        time.sleep(60)


@pytest.fixture
def other(tmp_path):
    """Another process that trains in a folder; it is killed in the end."""
    forks, started = multiprocessing.get_context('fork'), []

    def start(work):
        ready = forks.Event()
        started.append(forks.Process(target=work, args=(tmp_path / 'run', ready)))
        started[0].start()
        assert ready.wait(20)
        return started[0].pid

    yield start
    for process in started:
        process.kill()
        process.join()


def test_a_second_run_is_refused_with_the_first_one_s_place(other, tmp_path, toy_config):
    pid = other(hold)
    with pytest.raises(UserError, match=rf'process {pid} on {platform.node()} trains there'):
        train(str(toy_config), {'default_hooks.panel': None}, str(tmp_path / 'run'))
    assert [path.name for path in (tmp_path / 'run').iterdir()] == [NAME]


def test_what_a_killed_process_left_to_its_children_is_taken_over(other, tmp_path):
    pid = other(hold_and_leave_a_child)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with only_writer(tmp_path / 'run'):
        assert (
            tmp_path / 'run' / NAME
        ).read_text() == f'process {os.getpid()} on {platform.node()} trains'


def test_a_lock_is_given_back_and_leaves_nothing(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path / 'new' / 'run'):
            pass
        assert list(tmp_path.iterdir()) == []


def test_a_dead_process_s_number_and_name_mean_nothing(tmp_path, other):
    """Its number may be a living process's by now, and two containers may have one name."""
    for pid in (os.getpid(), 1, 2**22 + 1):
        (tmp_path / 'run').mkdir()
        (tmp_path / 'run' / NAME).write_text(f'process {pid} on {platform.node()} trains')
        with only_writer(tmp_path / 'run'):
            pass
        (tmp_path / 'run').rmdir()


def test_who_waits_at_a_lock_that_goes_takes_the_new_one(tmp_path):
    """The file that was opened may be gone, and with it another one's lock, when it is held."""
    path = tmp_path / NAME
    with path.open('a+') as opened:
        path.unlink()
        assert not _is_there(path, opened)
        path.touch()
        assert not _is_there(path, opened)


def test_a_file_system_that_cannot_lock_is_said(tmp_path, monkeypatch, capsys):
    def cannot(*_):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'lockf', cannot)
    with only_writer(tmp_path):
        pass
    assert 'cannot lock (No locks available): start no second run in it' in capsys.readouterr().out


def test_an_evaluation_and_a_publication_hold_what_they_write_to(tmp_path, toy_config, other):
    pid = other(hold)
    folder, begun = str(tmp_path / 'run'), (tmp_path / 'run').stat().st_mtime_ns
    torch.save({'meta': {}, 'state_dict': {}}, tmp_path / 'iter_1.pth')
    refused = rf'process {pid} on .* trains there; wait until it has ended, or give another '
    for option in ('work_dir', 'out', 'show_dir'):
        where = {'work_dir': str(tmp_path / 'logs'), option: folder}
        with pytest.raises(UserError, match=f'{refused}--{option.replace("_", "-")}$'):
            evaluate(str(toy_config), str(tmp_path / 'iter_1.pth'), **where)
    with pytest.raises(UserError, match=f'{refused}--out$'):
        publish(tmp_path / 'iter_1.pth', Path(folder))
    assert (tmp_path / 'run').stat().st_mtime_ns == begun
    assert not (tmp_path / 'logs').exists()


@pytest.mark.parametrize('times', [3, pytest.param(20, marks=pytest.mark.slow)])
def test_of_two_runs_started_at_the_same_moment_one_trains_and_one_is_refused(
    toy_config, tmp_path, times
):
    folder = tmp_path / 'run'
    command = ['python', str(ROOT / 'tools/train.py'), str(toy_config), '--work-dir', str(folder)]
    command += ['--resume', '--cfg-options', 'max_iters=2', 'default_hooks.panel=None']
    for turn in range(times):
        if turn % 2:  # what a killed run leaves
            folder.mkdir()
            (folder / NAME).write_text(f'process 1 on {platform.node()} trains')
        with ExitStack() as files:
            outputs = [files.enter_context((tmp_path / f'{i}.txt').open('w+')) for i in (0, 1)]
            runs = [ForkedProcess(command, output, {}) for output in outputs]
            codes = [run.wait() for run in runs]
            said = [(tmp_path / f'{i}.txt').read_text() for i in (0, 1)]
        assert sorted(codes) == [0, 2], said
        loser = codes.index(2)
        refused = f'process {runs[1 - loser].pid} on {platform.node()} trains there'
        assert f'error: {folder}: {refused}; wait until' in said[loser]
        assert 'Traceback' not in said[loser]
        lines = (folder / 'metrics.jsonl').read_text().splitlines()
        assert json.loads(lines[-1])['split'] == 'test'
        assert read_record(folder)['state'] == 'finished'
        assert len([path for path in folder.iterdir() if path.is_dir()]) == 1  # one log
        assert not (folder / NAME).exists()
        shutil.rmtree(folder)


def test_another_machine_s_process_is_never_taken_for_dead(tmp_path, other):
    pid = other(hold)
    (tmp_path / 'run' / NAME).write_text(f'process {pid} on another-host trains')
    second = only_writer(tmp_path / 'run')
    with pytest.raises(UserError, match='on another-host trains there'):
        second.__enter__()
