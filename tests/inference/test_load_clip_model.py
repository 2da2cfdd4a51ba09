"""A CLIP alone predicts, and takes other names."""

import numpy as np
import pytest

import icpc
from icpc.errors import UserError

pytest.importorskip('icpc.inference.zero_shot')


def test_the_tiny_clip_finds_what_it_knows():
    names = ['sky;heaven', 'sea', 'sand', 'house']
    predictor = icpc.load_clip_model('scenes_clip', 'auto', names, device='cpu')
    assert predictor.classes == ('sky', 'sea', 'sand', 'house')
    picture = np.full((48, 64, 3), 128, np.uint8)
    found = predictor.predict(picture, probabilities=True, score_maps=True)
    assert found.labels.shape == (48, 64)
    assert found.probabilities.shape == found.score_maps.shape == (4, 48, 64)
    np.testing.assert_array_equal(found.probabilities.argmax(axis=0), found.labels)
    other = predictor.predict(picture, 'house, sky;heaven, sea, sand', score_maps=True)
    assert other.classes == ('house', 'sky', 'sea', 'sand')
    order = [3, 0, 1, 2]
    np.testing.assert_allclose(other.score_maps, found.score_maps[order], atol=1e-5)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (('scene_clip', 'auto', ['a', 'b']), 'scene_clip'),
        (('scenes_clip', 'auto', ['a']), 'nothing to tell apart'),
        (('scenes_clip', 'auto', ['a', 'b'], 'cpu', 'x'), "no option 'treshold'; did you mean thr"),
    ],
)
def test_wrong_arguments_are_named(given, message):
    options = {'treshold': 0.5} if len(given) > 4 else {}
    with pytest.raises(UserError, match=message):
        icpc.load_clip_model(*given[:4], **options)
