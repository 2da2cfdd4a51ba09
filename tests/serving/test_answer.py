"""What the page says: the prediction's numbers and colours, and names that are text alone."""

import base64
import io
import re
from html import unescape

import matplotlib
import numpy as np
import pytest
from PIL import Image

from icpc.serving.answer import Question, Served, answer, class_names, picture_element


def pictures(html):
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def legend(html):
    """Name -> (colour, share) of all legends, in their order."""
    rows = re.findall(
        r'rgb\((\d+),(\d+),(\d+)\)"></i></td><td>(.*?)</td><td>(?:&lt; )?([\d.]+)%', html
    )
    return [(unescape(name), tuple(map(int, rgb)), float(share)) for *rgb, name, share in rows]


def test_legend_overlay_and_score_map_are_those_of_the_prediction(scenes, picture):
    found = scenes.predictor.predict(picture, score_maps=True)
    html = answer([scenes], picture, Question(shown='forest'))
    shares = {name: share for name, share in found.area.items() if share}
    expected = sorted(shares, key=lambda name: -shares[name])
    assert len(expected) > 4
    assert [name for name, *_ in legend(html)] == expected
    for name, colour, share in legend(html):
        assert abs(share - 100 * shares[name]) <= 0.05
        assert colour == tuple(found.palette[found.classes.index(name)])
    overlay, heat = pictures(html)
    np.testing.assert_array_equal(overlay, np.asarray(found.overlay()))
    low, high = np.quantile(found.score_map('forest'), (0.01, 0.99))
    warm = ((found.score_map('forest') - low) / (high - low)).clip(0, 1)
    np.testing.assert_allclose(heat, matplotlib.colormaps['magma'](warm, bytes=True)[..., :3], 0, 3)
    assert f'{low:.2f}<i' in html
    assert f'</i>{high:.2f}' in html
    assert 'not found: sea, sand' in html


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('', None),
        ('sky\n', 'sky'),
        (' meadow ; grass\n\nsky', ('meadow', 'sky')),
        ('meadow;grass, sky', ('meadow', 'sky')),
        ('meadow\nsky, blue', ('meadow', 'sky, blue')),
        ('meadow\nmeadow', 'meadow'),
    ],
)
def test_a_class_list_is_lines_or_one_line_with_commas(text, names, scenes, picture):
    """A text in the place of names: what the message has to hold."""
    if isinstance(names, str):
        html = answer([scenes], picture, Question(text))
        assert 'class="message"' in html
        assert '<table' not in html
        return
    names = names or scenes.predictor.classes
    assert class_names(text, scenes.predictor) == names
    found = legend(answer([scenes], picture, Question(text, by_score_map=True)))
    assert found
    assert {name for name, *_ in found} <= set(names)


def test_a_fixed_classifier_says_what_can_answer(fixed, scenes, picture):
    text = '\n'.join(scenes.predictor.classes)
    html = answer([scenes, fixed], picture, Question(text))
    one, other = html.split('<section')[1:]
    assert len(legend(one)) > 4
    assert 'tick “Answer by score map”' in other
    assert not legend(other)
    asked = answer([fixed], picture, Question(text, by_score_map=True))
    expected = fixed.predictor.predict(picture, scenes.predictor.classes, 'score_map').area
    assert {name for name, *_ in legend(asked)} == {k for k, share in expected.items() if share}
    own = answer([fixed], picture, Question('sky\nsea\nmoon', shown='sea'))  # needs no score map
    assert {name for name, *_ in legend(own)} <= {'sky', 'sea', 'moon'}
    assert '<b>sea</b>' in own


def test_two_models_share_the_colours_of_a_name(fixed, scenes, picture):
    html = answer([scenes, fixed], picture, Question(shown='moon'))
    one, other = (legend(part) for part in html.split('<section')[1:])
    known = dict(zip(scenes.predictor.classes, scenes.predictor.palette.tolist(), strict=True))
    for name, colour, _ in [*one, *other]:
        assert colour == tuple(known.get(name, (6, 7, 8)))
    assert other
    assert 'not asked for “moon”' in html.split('<section')[1]


def test_names_are_text(scenes, picture):
    evil = '<img src=x onerror=alert(1)>'
    asked = Question(f'{evil}\n{evil}2', True, evil)
    html = answer([Served(evil, scenes.predictor)], picture, asked)
    assert html.count('&lt;img src=x') >= 3
    assert '<img src=x' not in html
    assert '<img src=x' not in answer([scenes], picture, Question(f'{evil}\n{evil}'))  # the message


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (MemoryError(), 'memory is too small'),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 'memory is too small'),
        (ValueError('secret'), 'terminal of the server'),
    ],
    ids=['python', 'torch', 'other'],
)
def test_a_failure_is_a_message(error, text, scenes, fixed, picture, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(scenes.predictor, 'predict', fail)
    one, other = answer([scenes, fixed], picture, Question()).split('<section')[1:]
    assert text in one
    assert 'secret' not in one
    assert ('secret' in capsys.readouterr().err) == ('terminal' in text)
    assert legend(other)


def test_large_pictures_are_shown_smaller():
    (shown,) = pictures(picture_element(np.zeros((1200, 2400, 3), np.uint8), 'black'))
    assert shown.shape == (512, 1024, 3)
