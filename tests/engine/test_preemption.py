"""SIGTERM and SIGUSR1: the step is finished, saved, marked, and taken up again."""

import json
import os
import signal

import pytest
import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from icpc.engine.checkpoint import load_checkpoint
from icpc.engine.cli import run_tool
from icpc.engine.preemption import EXIT_CODE, Requeue
from icpc.engine.run_record import read_record
from icpc.engine.training import train

QUICK = {
    'max_iters': 6,
    'val_interval': 3,
    'log_interval': 1,
    'eval_batch': 1,
    'default_hooks.panel': None,
}


@HOOKS.register_module(force=True)
class SignalHook(Hook):
    """Sends this process a signal in a training step, or at a validation's first batch."""

    def __init__(self, step: int, number: int, validating: bool = False) -> None:
        self.step, self.number, self.validating = step, number, validating

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not self.validating and batch_idx + 1 == self.step:
            os.kill(os.getpid(), self.number)

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        assert batch_idx == 0 or not self.validating or runner.iter != self.step
        if self.validating and runner.iter == self.step:
            os.kill(os.getpid(), self.number)


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


def stop(config, folder, **hook):
    train(str(config), {**QUICK, 'custom_hooks': [dict(type='SignalHook', **hook)]}, str(folder))


@pytest.mark.parametrize(
    ('number', 'step', 'validating'),
    [
        (signal.SIGTERM, 2, False),
        (signal.SIGUSR1, 3, False),
        (signal.SIGTERM, 3, True),
        (signal.SIGUSR1, 6, False),
    ],
)
def test_a_signal_saves_marks_and_a_resumed_run_ends_the_same(
    toy_config, tmp_path, number, step, validating
):
    train(str(toy_config), QUICK, str(tmp_path / 'whole'))
    folder = tmp_path / 'stopped'
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)]
    with pytest.raises(Requeue):
        stop(toy_config, folder, step=step, number=int(number), validating=validating)
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)] == handlers
    assert (folder / 'last_checkpoint').read_text() == f'iter_{step}.pth'
    record = read_record(folder)
    assert (record['state'], record['steps']) == ('requeue', step)
    train(str(toy_config), QUICK, str(folder), resume=True)
    whole, resumed = (load_checkpoint(tmp_path / n / 'iter_6.pth') for n in ('whole', 'stopped'))
    for key, value in whole['state_dict'].items():
        assert torch.equal(value, resumed['state_dict'][key]), key
    lines = [(tmp_path / n / 'metrics.jsonl').read_text() for n in ('whole', 'stopped')]
    assert lines[0] == lines[1]
    assert len(lines[0].splitlines()) == 6 + 2 + 1
    assert json.loads(lines[0].splitlines()[-1])['split'] == 'test'
    assert read_record(folder)['state'] == 'finished'
    assert read_record(folder)['run'] == record['run']


def test_the_tool_s_exit_code_asks_for_another_try():
    def work():
        raise Requeue

    assert run_tool(work) == EXIT_CODE == 75
