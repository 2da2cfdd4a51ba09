"""What a prediction tells of itself, on four pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from icpc.errors import UserError
from icpc.inference.predicted import Prediction

PALETTE = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)


@pytest.fixture
def prediction():
    labels = np.array([[0, 0], [0, 2]], np.int32)
    names = ['<b>sky</b>', 'sea', 'a & b']
    image = np.full((2, 2, 3), 100, np.uint8)
    return Prediction('a.png', image, labels, names, PALETTE, None, np.zeros((3, 2, 2)))


def test_shares_masks_and_maps(prediction):
    assert prediction.area == {'<b>sky</b>': 0.75, 'sea': 0.0, 'a & b': 0.25}
    assert prediction.mask('a & b').tolist() == [[False, False], [False, True]]
    assert repr(prediction) == 'Prediction(a.png, 2 x 2, <b>sky</b> 75%, a & b 25%)'
    with pytest.raises(UserError, match="no class 'seas'; did you mean sea?"):
        prediction.score_map('seas')
    prediction.score_maps = None
    with pytest.raises(UserError, match='score_maps=True'):
        prediction.score_map('sea')


def test_it_shows_itself(prediction):
    page = prediction._repr_html_()
    assert '&lt;b&gt;sky&lt;/b&gt;</td><td>75.0%' in page
    assert '<b>' not in page
    assert 'sea' not in page.replace(page[page.index('base64') : page.index('<table>')], '')
    drawn = np.asarray(Image.open(io.BytesIO(prediction._repr_png_())))
    assert drawn[0, 0].tolist() == [160, 40, 40]  # 0.6 of the colour on 0.4 of 100


def test_files(prediction, tmp_path):
    file, sheet = tmp_path / 'new' / 'a.png', tmp_path / 'sheet.jpg'
    prediction.save(file, overlay=sheet)
    saved = Image.open(file)
    np.testing.assert_array_equal(np.asarray(saved), prediction.labels)
    np.testing.assert_array_equal(np.asarray(saved.convert('RGB'))[1, 1], PALETTE[2])
    assert Image.open(sheet).size[0] > 2 * 384
    with pytest.raises(UserError, match=r'has to end with \.png'):
        prediction.save(tmp_path / 'a.jpg')
    many = Prediction('b', prediction.image, prediction.labels + 300, ['x'] * 303, PALETTE)
    many.save(file)
    assert np.asarray(Image.open(file)).max() == 302
    assert many.area == {'x': 1.0}
