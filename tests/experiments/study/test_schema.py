import pytest

from icpc.errors import UserError
from icpc.experiments.study.schema import load_study, merge
from icpc.experiments.study.variables import ClassSubset
from icpc.startup.packaged import find_config

_STUDY = """
base = 'base.py'
metrics = ['mIoU']
_helper = 3
rows = {{'A': {{}}, 'B': {{'lr': _helper}}}}
{more}
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / 'base.py').write_text('')

    def write(more='', text=_STUDY):
        path = tmp_path / 'study.py'
        path.write_text(text.format(more=more))
        return path

    return write


def test_defaults(write):
    study = load_study(write())
    assert study.rows == {'A': {}, 'B': {'lr': 3}}
    assert study.seeds == {'0': {'seed': 0}}
    assert study.regimes == {'': {}}
    assert (study.split, study.baseline, study.name) == ('test', None, 'study')


def test_a_grid_is_the_product_of_its_axes(write):
    more = """
rows = {{}}
grid = {{'model.w': [1, 2], 'prompt': {{'CoOp': {{'p': 's'}}, 'none': {{'p': None, 'q': 0}}}}}}"""
    study = load_study(write(more.replace('{{', '{').replace('}}', '}')))
    assert study.rows == {
        'w=1, CoOp': {'model.w': 1, 'p': 's'},
        'w=1, none': {'model.w': 1, 'p': None, 'q': 0},
        'w=2, CoOp': {'model.w': 2, 'p': 's'},
        'w=2, none': {'model.w': 2, 'p': None, 'q': 0},
    }


def test_seeds_may_be_named_overrides_and_metrics_subsets_of_classes(write):
    more = (
        "seeds = {'a': {'x': 1}}\nmetrics = {'held-out': {'of': 'score_map', 'classes': ['car']}}"
    )
    study = load_study(write(more))
    assert study.seeds == {'a': {'x': 1}}
    assert study.metrics == {'held-out': ClassSubset(('car',), 'score_map')}


def test_the_base_may_be_a_packaged_config(write):
    study = load_study(write("base = 'icpc_tiny_fpn_1k_scenes-128'"))
    assert study.base == find_config('icpc/icpc_tiny_fpn_1k_scenes-128').resolve()


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ("basline = 'A'", 'a study has no basline; did you mean baseline'),
        ('helper = 1', 'name it _helper'),
        ("baseline = 'C'", "there is no row 'C'"),
        ("comparisons = {'x': ('A', 'a')}", "no row 'a'; did you mean A"),
        ("split = 'train'", "must be 'val' or 'test'"),
        ("base = 'other.py'", 'is no file'),
        ('metrics = []', 'set metrics'),
        ('rows = {}', 'set rows'),
        ("rows = {'A': 3}", r"rows\['A'\]: must be .* dictionary, got 3"),
    ],
)
def test_faults_are_named(write, more, message):
    with pytest.raises(UserError, match=message):
        load_study(write(more))


@pytest.mark.parametrize(
    ('layers', 'expected'),
    [
        (({'a': 1}, {'a': 2}), {'a': 2}),
        (({'a': None}, {'a.type': 'X'}), {'a.type': 'X'}),  # a part comes back
        (({'a.b': 1, 'a.c.d': 2}, {'a': None}), {'a': None}),  # a part goes
        (({'a.b': 1}, {'a': {'c': 2}}), {'a.b': 1, 'a': {'c': 2}}),  # dicts are merged
        (({'ab': 1}, {'a': None}), {'ab': 1, 'a': None}),  # another name, not a part
    ],
)
def test_later_overrides_win(layers, expected):
    assert merge(*layers) == expected
