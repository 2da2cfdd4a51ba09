import copy

import pytest

from icpc.config.overrides import apply_overrides, parse_overrides
from icpc.errors import UserError

FLIP, PACK = 'RandomFlip', 'PackSegInputs'
BASE = {
    'load': 'LoadAnnotations',
    'pipeline': [
        dict(type='LoadImageFromFile'),
        dict(type='${load}'),
        dict(type=FLIP, prob=0.5),
        dict(type='Resize', scale=(8, 8)),
        dict(type='Resize', scale=(4, 4)),
        dict(type=PACK),
    ],
    'tta_pipeline': [dict(type='TestTimeAug', transforms=[[dict(type=FLIP), dict(type='Resize')]])],
    'train_dataloader': dict(dataset=dict(type='ADE20KDataset', pipeline='${pipeline}')),
    'model': dict(neck=dict(levels=[0, 1, 2])),
}


def applied(*options):
    tree = copy.deepcopy(BASE)
    apply_overrides(tree, parse_overrides(list(options)), {'train_dataloader', 'tta_pipeline'})
    return tree


def names(items):
    return [item['type'] for item in items]


@pytest.mark.parametrize('address', ['2', '-4', FLIP])
def test_an_item_is_addressed_by_index_from_either_end_or_by_its_type(address):
    assert applied(f'pipeline.{address}.prob=0')['pipeline'][2] == dict(type=FLIP, prob=0)


def test_the_type_may_be_a_variable():
    loaded = applied('pipeline.LoadAnnotations.reduce_zero_label=True')['pipeline'][1]
    assert loaded == dict(type='${load}', reduce_zero_label=True)


def test_all_addresses_mean_the_list_as_it_was():
    given = [
        'pipeline.5.meta_keys=[a]',
        'pipeline.RandomFlip.flip_prob=1',
        'pipeline.-4.type=RandomRotFlip',
        'pipeline.RandomFlip.before=dict(type=RandomRotate, prob=1, degree=1)',
        'pipeline.3=None',
        'pipeline.0.after=[dict(type=RandomMosaic, prob=1), dict(type=RandomCutOut)]',
        'pipeline.-1.before={type: Resize}',
    ]
    for options in (given, given[::-1]):
        pipeline = applied(*options)['pipeline']
        assert names(pipeline) == [
            *('LoadImageFromFile', 'RandomMosaic', 'RandomCutOut', '${load}', 'RandomRotate'),
            *('RandomRotFlip', 'Resize', 'Resize', PACK),
        ]
        assert pipeline[6] == dict(type='Resize', scale=(4, 4))
        assert pipeline[8]['meta_keys'] == ['a']
        assert all(type(step) is dict for step in pipeline)


def test_a_copy_of_a_variable_has_what_the_variable_was_told():
    tree = applied(
        'train_dataloader.dataset.pipeline.RandomFlip.type=RandomRotFlip',
        'train_dataloader.dataset.pipeline.PackSegInputs.before=dict(type=RandomCutOut)',
        'pipeline.3=None',
        'pipeline.LoadAnnotations.after=dict(type=RandomMosaic)',
    )
    own = names(tree['train_dataloader']['dataset']['pipeline'])
    assert own == [
        *('LoadImageFromFile', '${load}', 'RandomMosaic', 'RandomRotFlip', 'Resize'),
        *('RandomCutOut', PACK),
    ]
    assert names(tree['pipeline']) == [
        *('LoadImageFromFile', '${load}', 'RandomMosaic', FLIP, 'Resize', PACK),
    ]


def test_an_item_of_a_list_in_a_list():
    (step,) = applied('tta_pipeline.TestTimeAug.transforms.0.RandomFlip=None')['tta_pipeline']
    assert step['transforms'] == [[dict(type='Resize')]]


def test_a_list_that_the_same_command_sets():
    tree = applied('pipeline.RandomFlip.prob=1', 'pipeline=[dict(type=RandomFlip)]')
    assert tree['pipeline'] == [dict(type=FLIP, prob=1)]


def test_a_nested_dict_reaches_items_and_a_typed_one_replaces_the_list():
    tree = copy.deepcopy(BASE)
    nested = {'pipeline': {FLIP: {'prob': 0, 'after': dict(type='RandomCutOut')}, 0: None}}
    apply_overrides(tree, nested, set())
    assert tree['pipeline'][1:3] == [dict(type=FLIP, prob=0), dict(type='RandomCutOut')]
    apply_overrides(tree, {'pipeline': dict(type=FLIP)}, set())
    assert tree['pipeline'] == dict(type=FLIP)


def test_a_number_of_a_list_is_set():
    assert applied('model.neck.levels.-1=3')['model']['neck']['levels'] == [0, 1, 3]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['pipeline.6.prob=1'], r'6 is no index of a list of 6: 0 LoadImageFromFile, 1 Load'),
        (['pipeline.-7=None'], 'no index of a list of 6'),
        (['pipeline.Resize=None'], 'Resize stands at 3 and 4; give the index'),
        (['pipeline.RandomFlp.prob=1'], r'no type in a list of 6: .*did you mean RandomFlip'),
        (['pipeline.before=dict(type=Resize)'], "'before' is no index and no type"),
        (['pipeline.RandomFlip.before=RandomRotate'], r"expected dict\(type=...\).*'RandomRotate'"),
        (['pipeline.RandomFlip.after=[]'], r'expected dict\(type=...\)'),
        (['pipeline.RandomFlip.probb=1'], 'did you mean prob'),
        (['pipeline.2=None', 'pipeline.RandomFlip.prob=1'], 'another override removes pipeline'),
        (['model.neck.levels.3=1'], 'no index of a list of 3: 0 0, 1 1, 2 2'),
        (['pipeline.Résize.scale=1'], 'no type in a list'),
    ],
)
def test_an_address_that_is_not_there_is_refused_with_what_is(options, message):
    with pytest.raises(UserError, match=message):
        applied(*options)
