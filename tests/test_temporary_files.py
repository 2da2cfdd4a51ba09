"""A temporary file of a living process stays; what a killed one left goes."""

import fcntl
import multiprocessing
import os
import time

import pytest

from icpc.files import Replacing, put_in_place
from icpc.temporary_files import hold, remove_temporary_files


def write_slowly(kind, path, ready, go_on):
    """In another process: half of a file, a pause, the other half."""
    if kind == 'replacing':
        with Replacing(path) as file:
            file.write(b'one ')
            file.flush()
            ready.set()
            go_on.wait()
            file.write(b'two')
        return
    with put_in_place(path) as temporary, temporary.open('wb') as file:
        file.write(b'one ')
        file.flush()
        ready.set()
        go_on.wait()
        file.write(b'two')


@pytest.mark.parametrize('kind', ['replacing', 'put_in_place'])
@pytest.mark.parametrize('killed', [False, True])
def test_whose_they_are_is_known(tmp_path, kind, killed):
    forks = multiprocessing.get_context('fork')
    ready, go_on = forks.Event(), forks.Event()
    process = forks.Process(target=write_slowly, args=(kind, tmp_path / 'a', ready, go_on))
    process.start()
    assert ready.wait(20)
    if killed:
        process.kill()
        process.join()
    remove_temporary_files(tmp_path)
    assert len(list(tmp_path.iterdir())) == (0 if killed else 1)
    if not killed:  # a killed one would be waited for by the event
        go_on.set()
        process.join()
        assert [path.name for path in tmp_path.iterdir()] == ['a']
        assert (tmp_path / 'a').read_bytes() == b'one two'


def test_one_that_is_removed_before_it_is_held_is_made_again(tmp_path, monkeypatch):
    path, flock, calls = tmp_path / '.a.1.tmp', fcntl.flock, []

    def removed_once(file, how):
        calls.append(how)
        if len(calls) == 1:
            path.unlink()
        return flock(file, how)

    monkeypatch.setattr(fcntl, 'flock', removed_once)
    with hold(path) as file:
        file.write(b'x')
    assert path.read_bytes() == b'x'
    assert len(calls) == 2


def test_without_locks_only_old_ones_go(tmp_path, monkeypatch):
    def cannot(*_):
        raise OSError(37, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', cannot)
    for name, age in (('.a.1.tmp', 0), ('.b.1.tmp', 2 * 24 * 3600)):
        hold(tmp_path / name).close()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    remove_temporary_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['.a.1.tmp']


def test_nothing_is_put_in_place_of_what_was_there(tmp_path):
    (tmp_path / 'a').write_text('old')
    with (
        pytest.raises(FileNotFoundError, match='nothing was written'),
        put_in_place(tmp_path / 'a'),
    ):
        pass
    assert (tmp_path / 'a').read_text() == 'old'
    assert len(list(tmp_path.iterdir())) == 1
