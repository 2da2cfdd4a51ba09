"""Two ranks under torchrun: whoever is killed, stopped or interrupted, all leave in time."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.train import train

pytestmark = pytest.mark.slow  # each starts torchrun, which imports everything three times
ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {
    'max_iters': 12,
    'val_interval': 12,
    'log_interval': 1,
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.panel': None,
    'model.backbone.norm': False,
    'model.decode_head.norm_cfg': None,
    'model.decode_head.dropout_ratio': 0.0,
}
TORCHRUN_KILLS = 30  # seconds after it has asked in vain


def processes():
    """(process, parent, session) of all that live."""
    for path in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = path.read_text().rpartition(')')[2].split()
        except OSError:
            continue
        if fields[0] != 'Z':
            yield int(path.parent.name), int(fields[1]), int(fields[3])


class Started:
    """A torchrun with two ranks that has done two steps, in a session of its own."""

    def __init__(self, config, folder, *more, steps=2):
        self.folder, self.printed = folder, folder.with_suffix('.txt')
        command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
        command += ['--nproc_per_node', '2', str(ROOT / 'tools/train.py'), str(config)]
        command += ['--launcher', 'pytorch', '--resume', '--work-dir', str(folder), *more]
        command += ['--cfg-options', *(f'{key}={value}' for key, value in OPTIONS.items())]
        command += ['custom_imports.imports=[icpc, toy_parts, stalling_parts]']
        command += ['custom_hooks=[dict(type=SlowSteps)]']
        paths = os.pathsep.join(map(str, (ROOT, ROOT / 'tests/helpers')))
        with self.printed.open('a') as output:
            self.agent = subprocess.Popen(
                command,
                env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths, SLOW_STEPS='0.3'),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + 90
        while not (folder / f'iter_{steps}.pth').exists():
            assert time.monotonic() < until, self.said
            assert self.agent.poll() is None, self.said
            time.sleep(0.02)
        self.ranks = sorted(pid for pid, parent, _ in processes() if parent == self.agent.pid)
        assert len(self.ranks) == 2

    def members(self):
        """Those that live of the agent, the ranks and their loaders."""
        sessions = {self.agent.pid, *self.ranks}  # torchrun gives each rank one
        return [pid for pid, _, session in processes() if session in sessions]

    def seconds_until_all_left(self, limit):
        start = time.monotonic()
        while self.agent.poll() is None or self.members():
            if time.monotonic() - start > limit:
                left = self.members()
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise AssertionError(f'still there: {left}\n{self.said}')
            time.sleep(0.05)
        return time.monotonic() - start

    @property
    def said(self):
        return self.printed.read_text()

    @property
    def state(self):
        return json.loads((self.folder / 'run.json').read_text())['state']


def assert_goes_on_as_one(started, config, tmp_path):
    """Resumed by one process, it ends as a run that nobody stopped, up to the sum's order."""
    with torch.random.fork_rng():
        options = {**OPTIONS, 'custom_hooks': [dict(type='SlowSteps')]}
        options['custom_imports.imports'] = ['icpc', 'toy_parts', 'stalling_parts']
        train(str(config), dict(options), str(started.folder), resume=True)
        train(str(config), dict(options), str(tmp_path / 'whole'))
    ends = [load_checkpoint(tmp_path / name / 'iter_12.pth') for name in ('run', 'whole')]
    for key, value in ends[0]['state_dict'].items():
        torch.testing.assert_close(value, ends[1]['state_dict'][key], atol=1e-4, rtol=1e-3)


def test_ranks_whose_launcher_was_killed_save_and_leave(toy_config, tmp_path):
    started = Started(toy_config, tmp_path / 'run')
    started.agent.kill()
    assert started.seconds_until_all_left(20) < 15
    # Both know; one may have left by what the other one told it.
    assert re.search(r'error: rank [01] of 2: its launcher is gone, so it stops, too', started.said)
    assert 'the same command with --resume goes on' in started.said
    assert started.state == 'requeue'
    assert_goes_on_as_one(started, toy_config, tmp_path)


@pytest.mark.parametrize('name', ['SIGINT', 'SIGHUP', 'SIGTERM'])
def test_what_a_terminal_sends_to_all_saves_once(toy_config, tmp_path, name):
    """torchrun hands the signal on: the second one is no second Ctrl-C."""
    started = Started(toy_config, tmp_path / 'run')
    if name == 'SIGTERM':
        started.agent.terminate()
    else:
        os.killpg(started.agent.pid, signal.Signals[name])
    assert started.seconds_until_all_left(40) < 30
    assert 'the same command with --resume goes on' in started.said
    assert started.state == 'requeue'
    assert_goes_on_as_one(started, toy_config, tmp_path)


@pytest.mark.parametrize('number', [0, 1])
def test_a_killed_rank_ends_the_other_with_a_message(toy_config, tmp_path, number):
    started = Started(toy_config, tmp_path / 'run')
    os.kill(started.ranks[number], signal.SIGKILL)
    assert started.seconds_until_all_left(60) < TORCHRUN_KILLS
    assert re.search(
        rf'rank {1 - number} of 2, .* another rank is gone|stopped as told', started.said
    )
    assert started.state in ('running', 'requeue')


@pytest.mark.parametrize('number', [0, 1])
def test_a_stopped_rank_ends_all_after_the_limit(toy_config, tmp_path, number):
    started = Started(toy_config, tmp_path / 'run', '--rank-timeout', '0.1')
    os.kill(started.ranks[number], signal.SIGSTOP)
    assert started.seconds_until_all_left(90) < 6 + TORCHRUN_KILLS + 10
    assert f'error: rank {1 - number} of 2 stands still for 0.1 minutes now: step' in started.said


def test_a_stopped_rank_whose_launcher_was_killed_too_keeps_no_other(toy_config, tmp_path):
    started = Started(toy_config, tmp_path / 'run', '--rank-timeout', '0.1')
    os.kill(started.ranks[1], signal.SIGSTOP)
    started.agent.kill()
    until = time.monotonic() + 30
    while started.ranks[0] in started.members():
        assert time.monotonic() < until, started.said
        time.sleep(0.05)
    os.kill(started.ranks[1], signal.SIGCONT)
    assert started.seconds_until_all_left(20) < 15
