"""Variables of bases may lose their readers; what the user sets has to be read."""

import pytest

from icpc.config.load import finish_config, merge_config
from icpc.errors import UserError

CONSTANT = 'param_scheduler=[dict(type=ConstantLR, factor=1.0, by_epoch=False)]'
# Each leaves variables of the bases without a reader.
REPLACED = {
    'schedule': ([CONSTANT], "param_scheduler = [dict(type='ConstantLR', by_epoch=False)]"),
    'optimiser': (
        ['optim_wrapper.optimizer.lr=1', 'optim_wrapper.optimizer.weight_decay=0'],
        "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1), "
        '_delete_=True)',
    ),
    'pipeline': (
        ['test_pipeline.-1=dict(type=PackSegInputs)', 'test_pipeline.-1.meta_keys=[img_path]'],
        "test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]",
    ),
    'evaluator': (
        ['val_evaluator=dict(type=StreamingIoU, ignore_index=255)'],
        "val_evaluator = dict(type='IoUMetric', _delete_=True)",
    ),
    'loader': (
        ['test_dataloader=None', 'test_evaluator=None', 'test_cfg=None'],
        'test_dataloader = None\ntest_evaluator = None\ntest_cfg = None',
    ),
}


def leaf(toy_config, text):
    path = toy_config.with_name('leaf.py')
    path.write_text(f"_base_ = './{toy_config.name}'\n{text}\n")
    return path


@pytest.mark.parametrize('what', REPLACED)
def test_a_replaced_reader_stops_nothing(toy_config, tmp_path, what):
    options, text = REPLACED[what]
    for path, given in ((toy_config, options), (leaf(toy_config, text), [])):
        merged = merge_config(path, given)
        finish_config(merged)
        again = tmp_path / 'config.py'  # as a work dir has it: all in one file
        again.write_text(merged.pretty_text)
        assert finish_config(merge_config(again)).to_dict() == {
            **finish_config(merged).to_dict(),
            'work_dir': 'work_dirs/config',
        }


def test_variables_without_a_reader_are_left_out_and_said(toy_config, caplog):
    caplog.set_level('INFO', 'icpc')
    merged = merge_config(toy_config, [CONSTANT])
    assert 'warmup_iters' not in merged
    assert 'warmup_iters: left out, nothing in the config reads it any more' in caplog.text
    caplog.clear()
    merge_config(toy_config)
    assert caplog.text == ''


@pytest.mark.parametrize(
    ('text', 'options', 'message'),
    [
        ('', [CONSTANT, 'warmup_iters=3'], 'warmup_iters: overriding it has no effect'),
        (f'warmup_iters = 3\n{REPLACED["schedule"][1]}', [], 'warmup_iters: nothing reads'),
        ('widht = 3', [], r'widht: nothing reads .*leave it out'),
        ('crop_sise = 3', [], 'did you mean crop_size'),
        ("one = 1\ntwo = '${one + 1}'", [], 'two: nothing reads'),
        (
            "overrides = {'warmup_iters': 3, 'param_scheduler': dict(type='ConstantLR')}",
            [],
            'has no effect',
        ),
        ("overrides = {'max_iter': 3}", [], 'did you mean max_iters'),
        ("overrides = ['lr']", [], r"leaf\.py: overrides must be a dict .*\['lr'\]"),
    ],
)
def test_what_the_user_sets_and_nothing_reads_is_refused(toy_config, text, options, message):
    with pytest.raises(UserError, match=message):
        merge_config(leaf(toy_config, text), options)


def test_a_typing_error_in_a_base_is_refused_too(toy_config):
    toy_config.write_text(toy_config.read_text() + 'crop_sise = 64\n')
    with pytest.raises(UserError, match='crop_sise: nothing reads .*did you mean crop_size'):
        merge_config(leaf(toy_config, 'lr = 1'))


def test_overrides_of_a_file_come_before_those_of_the_command(toy_config):
    path = leaf(
        toy_config,
        "overrides = {'train_pipeline.RandomFlip.before': dict(type='RandomCutOut'), 'lr': 3.0}",
    )
    merged = merge_config(path, ['train_pipeline.RandomCutOut.prob=0.5'])
    assert merged.train_pipeline[3] == dict(type='RandomCutOut', prob=0.5)
    assert (merged.lr, merge_config(path, ['lr=2']).lr) == (3.0, 2)
    assert 'overrides' not in merged


def test_overrides_of_a_base_and_of_a_file_add_up(toy_config):
    base = (
        toy_config.read_text() + "overrides = {'lr': 3.0, 'optim_wrapper.optimizer': {'eps': 1}}\n"
    )
    toy_config.write_text(base)
    merged = merge_config(leaf(toy_config, "overrides = {'weight_decay': 0.5}"))
    assert (merged.lr, merged.weight_decay, merged.optim_wrapper.optimizer.eps) == (3.0, 0.5, 1)
