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
        ('base = 3', r"base must be a config's path, relative to the file, got 3"),
        ('base = ""', 'set base'),
        ('rows = [1]', r'rows must be a dict \(name -> overrides\), got \[1\]'),
        ('rows = {3: {}}', 'rows: a name must be a string, got 3'),
        ("rows = {'': {}}", 'rows: a name must be a string with a letter'),
        ("rows = {'A': {3: 1}}", r"rows\['A'\]: a key must be a string .*, got 3"),
        ("rows = {'A': {'lr': float('nan')}}", r"rows\['A'\]\['lr'\] must be .* number.*, got nan"),
        ("rows = {'A': {'lr': __import__('pathlib').Path('x')}}", r"\['lr'\] must be a string"),
        ('regimes = [1]', r'regimes must be a dict'),
        ("regimes = {'x': 3}", r"regimes\['x'\] must be a dict of overrides .*, got 3"),
        ('shared = [1]', r'shared must be a dict of overrides'),
        ('grid = [1]', r'grid must be a dict'),
        ("grid = {'a': 'Static'}", r"grid\['a'\] must be a list .*, got 'Static'"),
        ("grid = {'a': []}", r"grid\['a'\] must be .* with one at least, got \[\]"),
        ("grid = {'a': [1, 1]}", r"grid\['a'\] holds '1' twice"),
        ("grid = {'x': {'A': {'lr': 2}}}", "rows and grid both have a row 'A'"),
        ('seeds = 5', r'seeds must be a list of whole numbers .*, got 5'),
        ('seeds = []', r'seeds must be .* with one at least, got \[\]'),
        ('seeds = {}', r'seeds must be .* with one at least, got \{\}'),
        ('seeds = [0, -1]', 'seeds: a seed must be a whole number from 0 to .*, got -1'),
        ("seeds = ['x']", "seeds: a seed must be .*, got 'x'"),
        ('seeds = [1.5]', 'seeds: a seed must be .*, got 1.5'),
        ('seeds = [True]', 'seeds: a seed must be .*, got True'),
        ('seeds = [1, 1]', "seeds holds '1' twice"),
        ("seeds = {1: {}, '1': {}}", "seeds holds '1' twice"),
        ("seeds = {'a': 3}", r"seeds\['a'\] must be a dict of overrides"),
        ("metrics = 'mIoU'", "metrics must be a list of keys .*, got 'mIoU'"),
        ('metrics = [3]', r"metrics\[0\] must be a key of the results, such as 'mIoU', got 3"),
        ("metrics = {3: 'mIoU'}", 'metrics: a column must be a string, got 3'),
        ("metrics = {'x': {'of': 'head'}}", r"metrics\['x'\] must be dict\(classes="),
        ("metrics = {'x': {'classes': 'sky'}}", r"\['classes'\] must be a list of class names"),
        ("metrics = {'x': {'classes': ['a', 'a']}}", r"\['classes'\] holds 'a' twice"),
        ("metrics = {'x': {'classes': ['a'], 'of': 1}}", r"\['of'\] must be 'head' or"),
        ('split = 3', "split must be 'val' or 'test', got 3"),
        ("baseline = ['A']", r"baseline must be the name of a row, or None, got \['A'\]"),
        ('comparisons = []', r'comparisons must be a dict'),
        ("comparisons = {'x': ('A', 'B', 'A')}", r"comparisons\['x'\] must be two different rows"),
        ("comparisons = {'x': 'AA'}", r"comparisons\['x'\] must be two different rows"),
        ("comparisons = {'x': ('A', 'A')}", r"comparisons\['x'\] must be two different rows"),
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
