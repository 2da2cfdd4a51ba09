import pytest

from icpc.errors import UserError
from icpc.experiments.study.schema import load_study

_STUDY = "base = 'base.py'\nmetrics = ['mIoU']\nrows = {'A': {}, 'B': {'lr': 1}}\n"


@pytest.fixture
def write(tmp_path):
    (tmp_path / 'base.py').write_text('')

    def write(more):
        path = tmp_path / 'study.py'
        path.write_text(_STUDY + more)
        return path

    return write


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ('base = 3', r"base: .* path.*, got 3; base is a config's path, relative to the file"),
        ('base = ""', 'set base'),
        ('rows = [1]', r'rows: must be .*, got \[1\]; rows is a dict \(name -> overrides\)'),
        ('rows = {3: {}}', r'rows\[3\]: a name must be a valid string, got 3'),
        ("rows = {'': {}}", r"rows\[''\]: a name .* at least 1 character, got ''"),
        ("rows = {'A': {3: 1}}", r"rows\['A'\]\[3\]: a name must be .* string, got 3"),
        (
            "rows = {'A': {'lr': float('nan')}}",
            r"rows\['A'\]\['lr'\]: must be .*, got nan",
        ),
        ("rows = {'A': {'lr': __import__('pathlib').Path('x')}}", r"\['lr'\]: must be a string"),
        ('regimes = [1]', r'regimes: must be .*, got \[1\]; regimes is a dict'),
        ("regimes = {'x': 3}", r"regimes\['x'\]: must be .* dictionary, got 3"),
        ('shared = [1]', r'shared: must be .*, got \[1\]; shared is a dict of overrides'),
        ('grid = [1]', r'grid: must be .*, got \[1\]; grid is a dict'),
        ("grid = {'a': 'Static'}", r"grid\['a'\]: must be .* list, got 'Static'"),
        ("grid = {'a': []}", r"grid\['a'\]: .* at least 1 item .*, got \[\]"),
        ("grid = {'a': {}}", r"grid\['a'\]: .* at least 1 item .*, got \{\}"),
        ("grid = {'a': {1, 2}}", r"grid\['a'\]: .* a set has no order, got \{1, 2\}"),
        ("grid = {'a': [1, 1]}", r"grid\['a'\]: holds 1 twice"),
        ("grid = {'x': {'A': {'lr': 2}}}", "rows and grid both have a row 'A'"),
        ('seeds = 5', r'seeds: .*, got 5; seeds is a list of whole numbers'),
        ('seeds = []', r'seeds: .*, got \[\]; seeds is .* with one at least'),
        ('seeds = {}', r'seeds: .*, got \{\}; seeds is .* with one at least'),
        ('seeds = [0, -1]', r'seeds\[1\]: must be .* 0, got -1'),
        ('seeds = [2**32]', r'seeds\[0\]: must be less than 4294967296, got 4294967296'),
        ("seeds = ['x']", r"seeds\[0\]: must be .* integer, got 'x'"),
        ('seeds = [1.5]', r'seeds\[0\]: must be .* integer, got 1.5'),
        ('seeds = [True]', r'seeds\[0\]: must be .* integer, got True'),
        ('seeds = [1, 1]', "seeds: holds '1' twice"),
        ("seeds = {1: {}, '1': {}}", "seeds: holds '1' twice"),
        ("seeds = {'a': 3}", r"seeds\['a'\]: must be .* dictionary, got 3"),
        ("metrics = 'mIoU'", "metrics: must be .* list, got 'mIoU'; metrics is a list of keys"),
        ('metrics = [3]', r"metrics\[0\]: must be .* string, got 3; .*, such as 'mIoU'"),
        ("metrics = [{'classes': ['a']}]", r'metrics\[0\]: must be .* string, got \{'),
        ("metrics = {3: 'mIoU'}", r'metrics\[3\]: a name must be .* string, got 3'),
        ("metrics = {'x': 3}", r"metrics\['x'\]: must be .* string, got 3"),
        (
            "metrics = {'x': {'of': 'head'}}",
            r"metrics\['x'\]\['classes'\]: .*required",
        ),
        (
            "metrics = {'x': {'clases': ['a']}}",
            r"\['x'\]\['clases'\] is .* did you mean classes",
        ),
        ("metrics = {'x': {'classes': 'sky'}}", r"\['classes'\]: must be .*, got 'sky'"),
        ("metrics = {'x': {'classes': ['a', 'a']}}", r"\['classes'\]: holds 'a' twice"),
        ("metrics = {'x': {'classes': ['a'], 'of': 1}}", r"\['of'\]: must be .* string, got 1"),
        ('split = 3', "split: must be 'val' or 'test', got 3"),
        ("baseline = ['A']", r"baseline: .*, got \['A'\]; baseline is the name of a row, or None"),
        ('comparisons = []', r'comparisons: .*, got \[\]; comparisons is a dict'),
        ("comparisons = {'x': ('A', 'B', 'A')}", r"comparisons\['x'\]: .* at most 2 .*'B', 'A'\)"),
        ("comparisons = {'x': 'AA'}", r"comparisons\['x'\]: must be .*, got 'AA'"),
        ("comparisons = {'x': ('A', 'A')}", r"comparisons\['x'\]: must be two different rows"),
        ("name = 'x'", 'a study has no name'),
    ],
)
def test_a_value_of_another_type_is_named(write, more, message):
    path = write(more)
    with pytest.raises(UserError, match=message) as error:
        load_study(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ('more', 'line', 'message'),
    [
        ('x = (', 4, 'was never closed'),
        ('\nseeds = nothing', 5, "NameError: name 'nothing'"),
        ("_f = lambda: 1 / 0\n_f() if rows else ''", 4, 'ZeroDivisionError'),
        ('import not_there_at_all', 4, 'ModuleNotFoundError'),
    ],
)
def test_an_error_in_the_file_has_its_line(write, more, line, message):
    path = write(more)
    with pytest.raises(UserError) as error:
        load_study(path)
    assert str(error.value).startswith(f'{path}:{line}: ')
    assert message in str(error.value)


@pytest.mark.parametrize(
    'more',
    [
        'seeds = range(5)',
        "seeds = {1: {'lr': 2}}",
        "rows = {'A': {'a': None, 'b': (1, 2.5), 'c': [{'d': True}], 'e': '${lr}'}}",
        'regimes = {}',
        "regimes = {'': {}}",
        'baseline = None',
        "comparisons = {'x': ['A', 'B']}",
        "metrics = ('mIoU', 'score_mIoU')",
    ],
)
def test_what_may_be_written_otherwise(write, more):
    assert load_study(write(more)).rows
