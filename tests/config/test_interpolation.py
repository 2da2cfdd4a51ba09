import pytest

from icpc.config.interpolation import Interpolator, references
from icpc.errors import UserError


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('${size}', 512),
        ('${size * 2 // 3}', 341),
        ('${min(1500, size // 10)}', 51),
        ('${max(1, -size) + 2 * (3 - 1)}', 5),
        ('${size / 4}', 128.0),
        ('${size % 10}', 2),
        ('${names}', ['a', 'b']),
        ('${nothing}', None),
        ('run_${size}_${double}', 'run_512_1024'),
        ('no expression', 'no expression'),
    ],
)
def test_resolves_to_the_value_and_type_of_the_expression(text, expected):
    variables = dict(size=512, double='${size * 2}', names=['a', 'b'], nothing=None)
    value = Interpolator(variables).resolve(text)
    assert value == expected
    assert type(value) is type(expected)


def test_resolves_inside_containers_and_keeps_their_types():
    tree = {'scale': (2048, '${size}'), 'steps': [{'to': '${size}'}]}
    resolved = Interpolator(dict(size=3)).resolve(tree)
    assert resolved == {'scale': (2048, 3), 'steps': [{'to': 3}]}


def test_each_reference_gets_its_own_copy():
    resolver = Interpolator(dict(pipeline=[{'prob': 0.5}]))
    first, second = resolver.resolve('${pipeline}'), resolver.resolve('${pipeline}')
    first[0]['prob'] = 0
    assert second == [{'prob': 0.5}]


def test_a_circle_is_named():
    with pytest.raises(UserError, match='a -> b -> a'):
        Interpolator(dict(a='${b}', b='${a + 1}')).resolve('${a}')


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UserError, match=r'optim\.lr: .*crop_sise.*did you mean crop_size'):
        Interpolator(dict(crop_size=3)).resolve('${crop_sise}', 'optim.lr')


@pytest.mark.parametrize(
    'text',
    [
        '${__import__("os")}',
        '${size.real}',
        '${[1][0]}',
        '${size ** 9}',
        '${name + 1}',
        '${1 +}',
        '${1 / 0}',
    ],
)
def test_only_plain_arithmetic_is_evaluated(text):
    with pytest.raises(UserError):
        Interpolator(dict(size=3, name='x')).resolve(text)


def test_references_lists_every_name():
    assert set(references({'a': ['${x + min(y, 2)}'], 'b': 'z'})) == {'x', 'y', 'min'}
