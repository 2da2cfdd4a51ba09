"""A work directory has one writer."""

import multiprocessing
import os
import platform
import signal
import time

import pytest

from icpc.commands.train import train
from icpc.errors import UserError
from icpc.run_dir.lock import NAME, only_writer


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
        ).read_text() == f'process {os.getpid()} on {platform.node()}'


def test_a_lock_is_given_back(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path / 'run'):
            pass


def test_another_machine_s_process_is_never_taken_for_dead(tmp_path, other):
    pid = other(hold)
    (tmp_path / 'run' / NAME).write_text(f'process {pid} on another-host')
    second = only_writer(tmp_path / 'run')
    with pytest.raises(UserError, match='on another-host trains there'):
        second.__enter__()
