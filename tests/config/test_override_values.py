import pytest

from icpc.config.overrides import parse_overrides, parse_value
from icpc.errors import UserError


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('x(a,b)', 'x(a,b)'),
        ('a,b(c,d)', ['a', 'b(c,d)']),
        ('(a) b', '(a) b'),
        ("painter's easel, sky", ["painter's easel", 'sky']),
        ("[a,'b, c',d]", ['a', 'b, c', 'd']),
        ("'abc", "'abc"),
        ("it's, a cat's, b", ["it's", "a cat's", 'b']),  # two apostrophes quote nothing
        ('a"b', 'a"b'),
        ('])', '])'),
        ('{name}', '{name}'),
        ('{} in a scene', '{} in a scene'),
        ('[${a}, 3]', ['${a}', 3]),
        ('(${a}, ${max(1, 2)})', ('${a}', '${max(1, 2)}')),
        ("{'a': ${b}}", {'a': '${b}'}),
        ('{type: RandomFlip, prob: 0.5}', {'type': 'RandomFlip', 'prob': 0.5}),
        ('dict(type=X, a=[1, b], b=dict(c="x,y"))', dict(type='X', a=[1, 'b'], b=dict(c='x,y'))),
        ('dict()', {}),
        ('dict(a)', 'dict(a)'),
        ('{[1]: 2}', '{[1]: 2}'),
        ('...', '...'),
        ('{1, 2}', '{1, 2}'),
        ('1+2j', '1+2j'),
        ('C:\\new\\x', 'C:\\new\\x'),
        ('a=b', 'a=b'),
        ('9' * 5000, '9' * 5000),
        ('日本,ö', ['日本', 'ö']),
        ('a,', ['a']),
        ('[' * 30 + 'x' + ']' * 30, eval('[' * 30 + '"x"' + ']' * 30)),
    ],
)
def test_an_odd_value_is_read_or_stays_a_text(text, expected):
    assert parse_value(text) == expected
    assert type(parse_value(text)) is type(expected)


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('a', 'expected key=value'),
        ('=b', 'expected key=value'),
        (' =b', 'expected key=value'),
        ('a==b', 'expected key=value'),
        ('a..b=1', 'an empty name between its dots'),
        ('a.=1', 'an empty name'),
        ('a=[1,2', r'a: \[1,2: the bracket that it begins with is not closed'),
        ('a=(x', 'not closed'),
        ('a=dict(x=1', 'not closed'),
        ('a=' + '[' * 9999, 'not closed'),
        ('a=' + '[x,' * 300 + ']' * 300, 'more than 40 brackets'),
        ('a=\udcff', 'not UTF-8'),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_message(option, message):
    with pytest.raises(UserError, match=message) as error:
        parse_overrides([option])
    assert len(str(error.value)) < 200


def test_a_key_that_comes_twice_is_refused():
    with pytest.raises(UserError, match='lr is given twice, 1 and 2'):
        parse_overrides(['lr=1', 'lr=2'])


def test_an_empty_value_and_one_with_equals():
    assert parse_overrides(['a=', 'b=x=y']) == {'a': '', 'b': 'x=y'}
