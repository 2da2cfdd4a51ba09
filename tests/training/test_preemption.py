"""SIGTERM, SIGUSR1, SIGHUP and SIGINT: the step is finished, saved, marked, and taken up again."""

import json
import os
import signal
import time

import pytest
import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from icpc.checkpoints.content import load_checkpoint
from icpc.commands.tool import run_tool
from icpc.commands.train import train
from icpc.errors import REQUEUED, Requeue, refusing
from icpc.ranks import distributed
from icpc.run_dir.record import read_record
from icpc.training import preemption
from icpc.training.preemption import StopSignals

QUICK = {
    'max_iters': 6,
    'val_interval': 3,
    'log_interval': 1,
    'eval_batch': 1,
    'default_hooks.panel': None,
    'custom_hooks': [dict(type='SignalHook')],
}


@HOOKS.register_module(force=True)
class SignalHook(Hook):
    """Sends this process a signal, once: at a stage's first batch, or in a step of training."""

    moment: tuple[str, int] | None = None  # stage and step
    number = 0
    sent = False

    @classmethod
    def arm(cls, stage, step, number):
        cls.moment, cls.number, cls.sent = (stage, step), number, False

    @classmethod
    def reach(cls, stage, step):
        assert not cls.sent, 'goes on after the batch at hand'
        if cls.moment == (stage, step):
            cls.moment, cls.sent = None, True
            os.kill(os.getpid(), cls.number)

    def before_run(self, runner):
        if runner.iter == 0:
            self.reach('start', 0)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.reach('train', batch_idx + 1)

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self.reach('val', runner.iter)

    def before_test_iter(self, runner, batch_idx, data_batch=None):
        self.reach('test', runner.iter)


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


@pytest.mark.parametrize(
    ('number', 'stage', 'step'),
    [
        (signal.SIGUSR1, 'start', 0),
        (signal.SIGTERM, 'train', 2),
        (signal.SIGUSR1, 'train', 3),
        (signal.SIGTERM, 'val', 3),
        (signal.SIGUSR1, 'train', 6),
        (signal.SIGTERM, 'test', 6),
        (signal.SIGINT, 'train', 4),
        (signal.SIGHUP, 'train', 5),
    ],
)
def test_a_signal_saves_marks_and_a_resumed_run_ends_the_same(
    toy_config, tmp_path, number, stage, step
):
    train(str(toy_config), QUICK, str(tmp_path / 'whole'))
    folder = tmp_path / 'stopped'
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)]
    SignalHook.arm(stage, step, int(number))
    with pytest.raises(Requeue) as stop:
        train(str(toy_config), QUICK, str(folder))
    assert stop.value.exit_code == (130 if number == signal.SIGINT else 75)
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)] == handlers
    pointer = folder / 'last_checkpoint'
    assert (pointer.read_text() if step else pointer.exists()) == (step and f'iter_{step}.pth')
    record = read_record(folder)
    assert (record['state'], record['steps']) == ('requeue', step)
    assert SignalHook.sent
    SignalHook.sent = False
    train(str(toy_config), QUICK, str(folder), resume=True)
    whole, resumed = (load_checkpoint(tmp_path / n / 'iter_6.pth') for n in ('whole', 'stopped'))
    for key, value in whole['state_dict'].items():
        assert torch.equal(value, resumed['state_dict'][key]), key
    lines = [(tmp_path / n / 'metrics.jsonl').read_text() for n in ('whole', 'stopped')]
    assert lines[0] == lines[1]
    assert len(lines[0].splitlines()) == 6 + 2 + 1
    assert json.loads(lines[0].splitlines()[-1])['split'] == 'test'
    assert read_record(folder)['state'] == 'finished'
    assert (read_record(folder)['run'] == record['run']) == (step > 0)


def test_the_tool_s_exit_code_asks_for_another_try():
    def work():
        raise Requeue

    assert run_tool(work) == REQUEUED == 75


def test_interrupting_ends_at_once_without_anything_to_save_and_the_second_time():
    with StopSignals() as signals:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert not signals.came
        signals.saves = True
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.name == 'SIGINT'
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_run_s_exit_code_is_that_of_shells():
    def work():
        stop = Requeue()
        stop.exit_code = 130
        raise stop

    assert run_tool(work) == 130


def test_ctrl_c_that_a_library_turned_into_an_error_is_ctrl_c(capsys):
    """mmengine's and yapf's printing of a config catch everything."""

    def work():
        with refusing('the config'):
            try:
                raise KeyboardInterrupt
            except BaseException:
                raise SyntaxError('Failed to format the config file')  # noqa: B904

    assert run_tool(work) == 130
    assert capsys.readouterr().err == 'interrupted\n'


@pytest.mark.parametrize('number', [signal.SIGHUP, signal.SIGINT])
def test_a_run_that_was_started_to_outlive_its_terminal_does(number):
    former = signal.signal(number, signal.SIG_IGN)  # as nohup, and `&` in a script
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), number)
            assert not signals.came
            os.kill(os.getpid(), signal.SIGTERM)
            assert signals.name == 'SIGTERM'
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, former)


def test_on_ranks_the_launcher_s_echo_is_no_second_ctrl_c(monkeypatch, capfd):
    monkeypatch.setattr(distributed, 'several', True)
    monkeypatch.setattr(preemption, '_ECHO', 0.2)
    with StopSignals() as signals:
        signals.saves = True
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.name == 'SIGINT'
        time.sleep(0.25)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    said = 'interrupted: saving after this step; once more leaves at once\n'
    assert capfd.readouterr().err == said
