"""A rank that stands still says where, and ends; one whose peers are gone says so."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from icpc.commands.tool import run_tool
from icpc.errors import UserError
from icpc.ranks import distributed, rank_watch
from icpc.ranks.rank_watch import RankWatch

_HALF = 0.5 / 60  # minutes of half a second
_HOOK = """
import os, time
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

@HOOKS.register_module()
class Sleepy(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 1 and get_rank() == 1:
            time.sleep(60)
"""


def test_a_rank_without_a_sign_of_life_says_rank_phase_and_place():
    said, ended = [], threading.Event()
    watch = RankWatch(_HALF, 3, 8, lambda text: (said.append(text), ended.set())).start()
    for step in range(15):
        watch.note(f'step {step}')
        time.sleep(0.05)
    assert not said
    assert ended.wait(5)
    (text,) = said
    assert text.startswith(f'rank 3 of 8 stands still for {_HALF:g} minutes now: step 14 (')
    assert f'{__file__}:' in text
    assert 'waiting in wait)' in text
    assert '--rank-timeout MINUTES' in text


def test_a_process_alone_is_watched_from_its_first_sign_of_life(monkeypatch):
    said = []
    monkeypatch.setattr(rank_watch, '_end', said.append)
    with distributed.watched(_HALF):
        time.sleep(0.8)
        assert not said  # such as downloads before a run
        distributed.note('the test')
        until = time.monotonic() + 5
        while not said and time.monotonic() < until:
            time.sleep(0.01)
    assert distributed._watch is None
    assert said[0].startswith(f'the run stands still for {_HALF:g} minutes now: the test (')
    assert 'It waits for its own data or disk. A longer patience: --rank-timeout' in said[0]


def test_the_command_line_comes_before_the_config(monkeypatch):
    for asked, minutes, expected in ((None, None, 30), (None, 2, 2), (5, 2, 5)):
        distributed.start('none', asked)
        with distributed.watched(minutes):
            assert distributed._watch.minutes == expected
        distributed.stop()


def test_the_time_while_all_of_a_process_is_stopped_does_not_count(monkeypatch):
    """As Ctrl-Z stops it: the clock has gone on by hours when it looks again."""
    said, clock = [], [0.0]
    monkeypatch.setattr(rank_watch.time, 'monotonic', lambda: clock[0])
    watch = RankWatch(1.0, 0, 1, said.append)
    monkeypatch.setattr(watch._over, 'wait', lambda pause: clock.__setitem__(0, clock[0] + 7200))
    looks = []
    monkeypatch.setattr(watch, '_message', lambda where: looks.append(clock[0] / 7200) or 'over')
    watch._look()
    assert said == ['over']
    assert looks[0] > 29  # of a minute with looks each second, that count twice at most


def test_a_debugger_may_be_waited_for():
    code = compile('import sys\nframe = sys._getframe()', '/usr/lib/python3/pdb.py', 'exec')
    names = {}
    exec(code, names)
    assert rank_watch._is_debugged(names['frame'])
    assert not rank_watch._is_debugged(sys._getframe())


def test_a_rank_whose_parent_is_gone_is_told_to_stop(monkeypatch, capsys):
    parents, told = [7], threading.Event()
    monkeypatch.setattr(rank_watch.os, 'getppid', lambda: parents[0])
    monkeypatch.setattr(rank_watch.os, 'kill', lambda pid, number: told.set())
    watch = RankWatch(_HALF, 1, 2, lambda _: None).start()
    assert not told.wait(0.1)
    parents[0] = 1
    assert told.wait(5)
    watch.stop()
    assert capsys.readouterr().err == 'error: rank 1 of 2: its launcher is gone, so it stops, too\n'


def test_a_stopped_watch_says_nothing():
    said = []
    RankWatch(_HALF, 0, 2, said.append).start().stop()
    time.sleep(0.8)
    assert not said


@pytest.mark.parametrize('minutes', [0, -1, float('nan'), float('inf')])
def test_a_patience_that_means_nothing_is_refused(minutes):
    with pytest.raises(UserError, match='--rank-timeout must be'):
        distributed.start('none', minutes)


@pytest.mark.parametrize('kind', [torch.distributed.DistBackendError, RuntimeError])
def test_the_end_of_another_rank_is_one_message(monkeypatch, capsys, kind):
    def work():
        raise kind('[gloo/transport/tcp/pair.cc:5] Connection closed by peer')

    assert run_tool(work) == 2  # one process alone: an error as any other
    assert 'another rank' not in capsys.readouterr().err
    monkeypatch.setattr(distributed, '_watch', RankWatch(1, 1, 2))
    distributed.note('step 7')
    assert run_tool(work) == 1
    text = capsys.readouterr().err
    assert text.startswith('error: rank 1 of 2, step 7: another rank is gone')
    assert 'Connection closed by peer' in text


def test_other_errors_are_told_as_they_are(monkeypatch, capsys):
    monkeypatch.setattr(distributed, '_watch', RankWatch(1, 1, 2))
    assert run_tool(lambda: torch.zeros(2).view(3)) == 2
    text = capsys.readouterr().err
    assert "RuntimeError: shape '[3]' is invalid" in text
    assert 'another rank' not in text


@pytest.mark.slow
def test_two_ranks_of_which_one_hangs_end_with_the_step_that_they_stand_in(toy_config, tmp_path):
    (tmp_path / 'sleepy.py').write_text(_HOOK)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node', '2', str(root / 'tools/train.py'), str(toy_config)]
    command += ['--launcher', 'pytorch', '--rank-timeout', '0.1']
    command += ['--work-dir', str(tmp_path / 'run'), '--cfg-options', 'max_iters=3']
    command += ['custom_imports.imports=[icpc, toy_parts, sleepy]']
    command += ["custom_hooks=[{'type': 'Sleepy'}]"]
    paths = os.pathsep.join([str(root), str(root / 'tests/helpers'), str(tmp_path)])
    environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode != 0
    said = re.findall(
        r'error: (rank \d of 2) stands still for 0.1 minutes now: (.*?) \((.*?)\)', done.stderr
    )
    assert said, done.stderr
    for rank, phase, place in said:
        assert phase == 'step 2'
        assert ('sleepy.py:' in place) == (rank == 'rank 1 of 2')
        assert ('all_reduce' in place) == (rank == 'rank 0 of 2')
