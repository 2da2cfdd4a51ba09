"""Numbers of an evaluation are printed and recorded first, whatever fails after it."""

import errno
import json

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmseg.registry import HOOKS, METRICS

from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.console.numbers import numbers, shown
from icpc.errors import UserError, in_one_line
from icpc.evaluation import panel_hook, prediction_hooks
from icpc.run_dir.record import CONFUSION, read_record

QUICK = {'max_iters': 2, 'val_interval': 2}
AFTER = ('after_val_epoch', 'after_val', 'after_test_epoch', 'after_test', 'after_run')


@HOOKS.register_module(force=True)
class FailingHook(Hook):
    def __init__(self, point: str):
        setattr(self, point, self._fail)

    def _fail(self, runner, **_):
        raise ValueError('no luck')


@METRICS.register_module(force=True)
class OwnMetric(BaseMetric):
    """Pictures, in several kinds of numbers, and something that is none."""

    default_prefix = 'own'

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        count = len(results)
        single = {'single': np.float32(count), 'tensor': torch.tensor(count), 'tiny': count * 1e-5}
        return {'pictures': count, **single, 'list': [count, count], 'text': 'fine'}


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


def lines_of(folder):
    return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


@pytest.mark.parametrize('point', AFTER)
def test_a_hook_that_fails_after_an_evaluation_loses_no_number(toy_config, tmp_path, capsys, point):
    options = {**QUICK, 'custom_hooks': [dict(type='FailingHook', point=point)]}
    with pytest.raises(ValueError, match='no luck'):
        train(str(toy_config), options, str(tmp_path / 'run'))
    last, printed = lines_of(tmp_path / 'run')[-1], capsys.readouterr().out
    if point == 'after_run':  # mmengine calls it after the training, too
        assert read_record(tmp_path / 'run')['state'] == 'running'
        assert last['split'] == 'val'
    elif 'val' in point:
        assert last['split'] == 'val'
        assert f'val: mIoU {last["mIoU"]:.2f}' in printed
    else:
        assert last['split'] == 'test'
        record = read_record(tmp_path / 'run')
        assert record['state'] == 'finished'
        assert record['metrics']['test']['mIoU'] == last['mIoU']
        assert (tmp_path / 'run' / CONFUSION).is_file()
        assert printed.splitlines()[-1] == f'mIoU: {last["mIoU"]:.2f}'
        assert (tmp_path / 'run/panel.png').is_file() == (point != 'after_test_epoch')


def test_a_test_whose_hook_fails_at_the_very_end_has_said_its_numbers(toy_config, tmp_path, capsys):
    train(str(toy_config), QUICK, str(tmp_path / 'run'))
    expected = capsys.readouterr().out.splitlines()[-1]
    options = {**QUICK, 'custom_hooks': [dict(type='FailingHook', point='after_run')]}
    with pytest.raises(ValueError, match='no luck'):
        evaluate(str(toy_config), str(tmp_path / 'run/iter_2.pth'), options, str(tmp_path / 't'))
    assert capsys.readouterr().out.splitlines()[-1] == expected


def fail_with(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize(
    'error', [OSError(errno.ENOSPC, 'No space left on device'), RuntimeError('out of\nmemory')]
)
def test_a_panel_that_cannot_be_drawn_is_one_line_and_changes_nothing(
    toy_config, tmp_path, capsys, monkeypatch, error
):
    monkeypatch.setattr(panel_hook, 'save_panel', fail_with(error))
    metrics = train(str(toy_config), QUICK, str(tmp_path / 'run'))
    printed = capsys.readouterr().out.splitlines()
    (said,) = [line for line in printed if 'could not be drawn' in line]
    reason = ' '.join(str(error).split())
    assert f'the numbers stand: {type(error).__name__}: {reason} ({__file__}:' in said
    assert printed[-1] == f'mIoU: {metrics["mIoU"]:.2f}'
    assert read_record(tmp_path / 'run')['state'] == 'finished'


@pytest.mark.parametrize('tta', [False, True])
def test_masks_that_cannot_be_written_end_the_tool_after_its_numbers(
    toy_config, tmp_path, capsys, monkeypatch, tta
):
    train(str(toy_config), QUICK, str(tmp_path / 'run'))
    kept, written = prediction_hooks.save_mask, []

    def full(path, labels):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, 'No space left on device')
        written.append(path)
        kept(path, labels)

    monkeypatch.setattr(prediction_hooks, 'save_mask', full)
    out = str(tmp_path / 'out')
    arguments = str(tmp_path / 'run/iter_2.pth'), QUICK, str(tmp_path / 't')
    with pytest.raises(UserError, match=r'out: predictions of 2 of 5 pictures .*No space left'):
        evaluate(str(toy_config), *arguments, out=out, tta=tta)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f'mIoU: {lines_of(tmp_path / "t")[-1]["mIoU"]:.2f}'
    assert any('panel.png' in line for line in printed[-3:])


def test_all_numbers_are_printed_and_the_last_lines_stay(toy_config, tmp_path, capsys):
    evaluators = [
        dict(type='StreamingIoU', held_out_classes=['red']),
        dict(type='OwnMetric'),
        dict(type='IoUMetric', prefix='mmseg'),
    ]
    options = {**QUICK, 'val_evaluator': evaluators, 'test_evaluator': evaluators}
    metrics = train(str(toy_config), options, str(tmp_path / 'run'))
    printed = capsys.readouterr().out.splitlines()
    for key in ('aAcc', 'mAcc', 'base_mIoU', 'held_out_mIoU', 'mmseg/mIoU'):
        assert f'{key}: {metrics[key]:.2f}' in printed
    assert printed[-1] == f'mIoU: {metrics["mIoU"]:.2f}'
    assert 'own/pictures: 5.00' in printed
    assert 'own/tiny: 5e-05' in printed
    assert 'own/list: [5, 5] (not recorded: it is no number)' in printed
    assert any('own/pictures 3.00' in line for line in printed)  # of the validation
    for line in (lines_of(tmp_path / 'run')[-1], read_record(tmp_path / 'run')['metrics']['test']):
        assert line['own/single'] == line['own/tensor'] == 5
        assert line['mmseg/mIoU'] == pytest.approx(metrics['mIoU'], abs=0.006)
        assert 'own/list' not in line


def test_an_evaluator_without_miou_ends_well(toy_config, tmp_path, capsys):
    own = dict(type='OwnMetric')
    options = {**QUICK, 'val_evaluator': own, 'test_evaluator': own}
    metrics = train(str(toy_config), options, str(tmp_path / 'run'))
    assert metrics['own/pictures'] == 5
    assert 'own/pictures: 5.00' in capsys.readouterr().out.splitlines()
    assert read_record(tmp_path / 'run')['metrics']['test']['own/pictures'] == 5
    again = evaluate(
        str(toy_config), str(tmp_path / 'run/iter_2.pth'), options, str(tmp_path / 't')
    )
    assert again['own/pictures'] == 5


def test_without_a_test_split_the_last_validation_is_the_result(toy_config, tmp_path, capsys):
    metrics = train(str(toy_config), {**QUICK, 'test_dataloader': None}, str(tmp_path / 'run'))
    printed = capsys.readouterr().out.splitlines()
    assert metrics == {k: v for k, v in lines_of(tmp_path / 'run')[-1].items() if k in metrics}
    assert printed[-1] == f'mIoU: {metrics["mIoU"]:.2f}'
    assert f'aAcc: {metrics["aAcc"]:.2f}' in printed
    with np.load(tmp_path / 'run' / CONFUSION) as file:
        assert file['split'] == 'val'


@pytest.mark.parametrize('options', [{}, {'train_cfg.val_begin': 9}])
def test_a_run_that_evaluates_nothing_is_finished_all_the_same(toy_config, tmp_path, options):
    options = options or {'val_dataloader': None}
    options = {**QUICK, 'test_dataloader': None, **options}
    assert train(str(toy_config), options, str(tmp_path / 'run')) == {}
    assert read_record(tmp_path / 'run')['state'] == 'finished'
    assert not (tmp_path / 'run' / CONFUSION).exists()


@pytest.mark.parametrize('split', ['val', 'test'])
def test_two_metrics_of_one_name_are_refused_before_training(toy_config, tmp_path, split):
    twice = [dict(type='StreamingIoU'), dict(type='IoUMetric')]
    with pytest.raises(UserError, match="two metrics .* prefix='mmseg'"):
        train(str(toy_config), {**QUICK, f'{split}_evaluator': twice}, str(tmp_path / 'run'))
    assert not (tmp_path / 'run/run.json').exists()


def test_numbers_of_all_kinds_become_plain_ones():
    values = {'a': np.float32(0.5), 'b': torch.tensor([2]), 'c': 3, 'd': [1.0], 'e': np.ones(2)}
    found = numbers(values)
    assert found == {'a': 0.5, 'b': 2, 'c': 3}
    assert json.dumps(found)
    assert [shown(x) for x in (81.2345, 0.0, 0.00123, -0.5, float('nan'))] == [
        *('81.23', '0.00', '0.00123', '-0.50', 'nan')
    ]


def test_the_place_of_a_failure_is_the_users_own_line():
    with pytest.raises(ValueError, match='invalid') as failure:
        torch.nn.functional.one_hot(torch.tensor(int('x')))
    place = failure.value.__traceback__.tb_lineno
    assert in_one_line(failure.value).endswith(f'({__file__}:{place})')
    with pytest.raises(json.JSONDecodeError) as failure:
        json.loads('{')
    assert f'({__file__}:' in in_one_line(failure.value)
