import copy

import pytest

from icpc.config.overrides import apply_overrides, parse_overrides, parse_value
from icpc.errors import UserError

BASE = {
    'prob': 0.5,
    'pipeline': [dict(type='LoadImageFromFile'), dict(type='RandomFlip', prob='${prob}')],
    'train_dataloader': dict(dataset=dict(type='ADE20KDataset', pipeline='${pipeline}')),
    'val_dataloader': dict(dataset=dict(type='ADE20KDataset', pipeline='${pipeline}')),
    'model': dict(
        type='EncoderDecoder',
        backbone=dict(type='ResNetV1c', depth=18, deep_stem=True),
        decode_head=dict(type='FCNHead', num_convs=2, channels=8, in_channels=8, num_classes=3),
        neck=None,
        losses=dict(score_map=dict(weight=0.4)),
    ),
    'optim_wrapper': dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-4)),
}


def applied(*options):
    tree = copy.deepcopy(BASE)
    apply_overrides(tree, parse_overrides(list(options)), {'load_from'})
    return tree


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('3', 3),
        ('1e-4', 1e-4),
        ('None', None),
        ('null', None),
        ('true', True),
        ('RN50', 'RN50'),
        ('data/ade 20k', 'data/ade 20k'),
        ('1,2', [1, 2]),
        ('(1, 2)', (1, 2)),
        ('[potted plant,sky]', ['potted plant', 'sky']),
        ("['potted plant', 'sky']", ['potted plant', 'sky']),
        ('[(0,1),[a,b]]', [(0, 1), ['a', 'b']]),
        ("{'a': 1}", {'a': 1}),
        ('${size // 2}', '${size // 2}'),
        ('', ''),
    ],
)
def test_parse_value(text, expected):
    assert parse_value(text) == expected
    assert type(parse_value(text)) is type(expected)


def test_an_option_without_equals_is_refused():
    with pytest.raises(UserError, match='key=value'):
        parse_overrides(['max_iters'])


def test_a_list_is_reached_through_the_variable_it_came_from_and_others_keep_theirs():
    tree = applied('train_dataloader.dataset.pipeline.1.prob=0')
    assert tree['train_dataloader']['dataset']['pipeline'][1]['prob'] == 0
    assert tree['val_dataloader']['dataset']['pipeline'] == '${pipeline}'
    assert tree['pipeline'][1]['prob'] == '${prob}'


def test_a_key_that_the_class_takes_is_accepted_although_the_base_does_not_hold_it():
    assert (
        applied('model.decode_head.dropout_ratio=0.3')['model']['decode_head']['dropout_ratio']
        == 0.3
    )


def test_a_key_that_is_inherited_through_kwargs_is_accepted():
    # FCNHead takes **kwargs for BaseDecodeHead, which takes align_corners.
    assert applied('model.decode_head.align_corners=True')['model']['decode_head']['align_corners']


def test_a_part_that_the_base_leaves_out_is_created():
    assert applied('optim_wrapper.clip_grad.max_norm=1')['optim_wrapper']['clip_grad'] == {
        'max_norm': 1
    }


def test_a_top_level_key_of_the_runner_is_accepted():
    assert applied('load_from=x.pth')['load_from'] == 'x.pth'


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('model.decode_head.num_conv=1', 'FCNHead has no such argument; did you mean num_convs'),
        ('modle.decode_head.num_convs=1', 'did you mean model'),
        ('probb=0', 'did you mean prob'),
        ('pipeline.7.prob=1', 'no index of a list of 2'),
        ('pipeline.1.type.x=1', 'nothing can be set inside'),
        ('model.neck.out_channels=1', 'give model.neck.type too'),
        ('model.decode_head.type=FPNHeads', 'did you mean FPNHead'),
        ('model.losses.score_map.wieght=1', 'did you mean weight'),
    ],
)
def test_an_override_without_effect_is_refused(option, message):
    with pytest.raises(UserError, match=message):
        applied(option)


def test_a_part_that_is_none_is_built_from_its_type():
    tree = applied('model.neck.num_outs=4', 'model.neck.type=FPN')
    assert tree['model']['neck'] == {'type': 'FPN', 'num_outs': 4}


def test_another_type_keeps_what_it_accepts_and_drops_the_rest(caplog):
    caplog.set_level('INFO', 'icpc')
    head = applied('model.decode_head.type=FPNHead')['model']['decode_head']
    assert head == dict(type='FPNHead', channels=8, in_channels=8, num_classes=3)
    assert 'num_convs left out, FPNHead has no such argument' in caplog.text


def test_a_type_given_where_it_was_derived_drops_what_it_does_not_take():
    tree = copy.deepcopy(BASE)
    del tree['model']['backbone']['type']
    apply_overrides(tree, {'model.backbone.type': 'MixVisionTransformer'}, set())
    assert tree['model']['backbone'] == {'type': 'MixVisionTransformer'}


def test_a_key_given_together_with_another_type_stays():
    head = applied('model.decode_head.feature_strides=[4]', 'model.decode_head.type=FPNHead')
    assert head['model']['decode_head']['feature_strides'] == [4]


def test_a_dict_is_merged_key_by_key():
    tree = copy.deepcopy(BASE)
    apply_overrides(tree, {'model': {'backbone': {'depth': 50}}}, set())
    assert tree['model']['backbone'] == dict(type='ResNetV1c', depth=50, deep_stem=True)


def test_a_named_part_can_be_added_and_removed():
    tree = applied('model.losses.score_map=None', "model.losses.other={'type': 'CrossEntropyLoss'}")
    assert tree['model']['losses'] == {'score_map': None, 'other': {'type': 'CrossEntropyLoss'}}
