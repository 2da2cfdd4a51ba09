"""Numbers that are read when they are due are the same numbers; the CPU plays the device."""

import os
import signal

import pytest
import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from icpc.checkpoints.content import history, load_checkpoint
from icpc.commands.train import train
from icpc.console import unread
from icpc.console.unread import Unread
from icpc.errors import Requeue, UserError
from icpc.training.reading import late_flag
from icpc.training.reading.late_flag import LateFlag

OPTIONS = {'max_iters': 8, 'val_interval': 5, 'log_interval': 3, 'default_hooks.panel': None}


@HOOKS.register_module(force=True)
class StopAtStep(Hook):
    """Tells this process to stop in a step, once."""

    step = None

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 == StopAtStep.step:
            StopAtStep.step = None
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def device(monkeypatch):
    """Every number has to be waited for; gives the steps of each reading."""
    found, plain = [], Unread.read

    def read(self):
        steps = plain(self)
        found.append(len(steps))
        return steps

    monkeypatch.setattr(unread, 'waits_for', lambda value: True)
    monkeypatch.setattr(Unread, 'read', read)
    return found


def run(config, folder, resume=False, **options):
    with torch.random.fork_rng():
        train(str(config), OPTIONS | options, str(folder), resume=resume)
    return folder


def assert_same_run(one, other):
    assert (one / 'metrics.jsonl').read_text() == (other / 'metrics.jsonl').read_text()
    a, b = (load_checkpoint(folder / 'iter_8.pth') for folder in (one, other))
    for key, value in a['state_dict'].items():
        assert torch.equal(value, b['state_dict'][key]), key
    named = a['message_hub']['log_scalars'], b['message_hub']['log_scalars']
    for key in ('train/loss', 'train/decode.acc_seg', 'train/lr'):
        histories = [history(hub[key]).data[0].tolist() for hub in named]
        assert histories[0] == histories[1]
        assert len(histories[0]) == 8


def test_a_run_is_the_same_and_reads_when_it_is_due(toy_config, tmp_path, device, monkeypatch):
    late = run(toy_config, tmp_path / 'late')
    # Steps 3, 6 and 8 end a line of the log, and 5 is validated.
    assert max(device) == 3
    assert sum(device) == 4 * 8  # losses, the hub, metrics.jsonl and the progress
    monkeypatch.undo()
    assert_same_run(run(toy_config, tmp_path / 'now'), late)


@pytest.mark.usefixtures('device')
@pytest.mark.parametrize(('poisoned', 'kept'), [(2, None), (4, None), (7, 'iter_5.pth')])
def test_the_step_and_the_pictures_are_named_and_nothing_is_saved(
    toy_config, tmp_path, poisoned, kept
):
    with pytest.raises(UserError) as error:
        run(toy_config, tmp_path / 'w', **{'model.backbone.poison_after': poisoned})
    assert f'iteration {poisoned}: the loss is not finite (decode.loss_ce=nan' in str(error.value)
    assert str(error.value).count('/images/training/') == 4
    pointer = tmp_path / 'w/last_checkpoint'
    assert (pointer.read_text() if pointer.exists() else None) == kept


@pytest.mark.usefixtures('device')
@pytest.mark.parametrize('step', [1, 4, 5])
def test_a_run_stopped_between_two_readings_goes_on(toy_config, tmp_path, step):
    options = {'custom_hooks': [dict(type='StopAtStep')]}
    whole = run(toy_config, tmp_path / 'whole', **options)
    StopAtStep.step = step
    with pytest.raises(Requeue):
        run(toy_config, tmp_path / 'stopped', **options)
    resumed = run(toy_config, tmp_path / 'stopped', resume=True, **options)
    assert_same_run(whole, resumed)


class Sent:
    waited = 0

    def synchronize(self):
        Sent.waited += 1


def test_a_flag_is_read_a_step_later_or_now(monkeypatch):
    monkeypatch.setattr(late_flag, 'waits_for', lambda value: True)
    monkeypatch.setattr(late_flag, '_send', lambda flag: (flag.clone(), Sent()))
    up, down = torch.ones(()), torch.zeros(())
    late = LateFlag()
    assert [late.read(flag, now=False) for flag in (down, up, up)] == [False, False, True]
    assert Sent.waited == 2
    assert LateFlag().read(up, now=True)
    assert not LateFlag().read(down, now=True)
    assert [LateFlag().read(flag, now=False) for flag in (True, False)] == [True, False]
    monkeypatch.undo()
    assert [late.read(flag, now=False) for flag in (up, down)] == [True, False]


def test_scalars_of_several_types_are_read_in_one_go():
    late = Unread()
    late.add({'a': torch.tensor(1.5, requires_grad=True), 'b': torch.tensor(2)})
    late.add({'a': torch.tensor(0.1, dtype=torch.float64)})
    assert late.read() == [{'a': 1.5, 'b': 2.0}, {'a': 0.1}]
    assert late.read() == []
