"""Predictions of one picture and of many: order, sizes, budgets, failures."""

import numpy as np
import pytest
import torch
from PIL import Image

import icpc
from icpc.errors import UserError

pytestmark = pytest.mark.xdist_group('inference')  # one run for all


@pytest.fixture(scope='module')
def predictor(run):
    return icpc.load_model(run.folder, device='cpu')


@pytest.fixture
def mixed(run, tmp_path):
    """Pictures of three sizes in a folder, and a file that is none."""
    folder = tmp_path / 'mixed'
    (folder / 'below').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for place, size in enumerate([(32, 32), (40, 24), (32, 32), (7, 90), (40, 24)]):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / ('below' if place == 4 else '.') / f'{place}.png')
    (folder / '1b.jpg').write_bytes(b'no picture')
    return folder


def test_what_is_given_decides_what_comes_back(predictor, run):
    path = run.pictures[0]
    one = predictor.predict(path)
    assert one.labels.shape == (32, 32)
    assert one.labels.dtype == np.int32
    assert one.source == str(path)
    pixels = np.asarray(Image.open(path))
    tensor = torch.tensor(pixels).permute(2, 0, 1)
    for picture in (str(path), Image.open(path), pixels, tensor):
        np.testing.assert_array_equal(predictor.predict(picture).labels, one.labels)
    several = predictor.predict([path, path])
    assert (several[0].source, len(several)) == (str(path), 2)
    stream = predictor.predict(iter([path]))
    assert next(stream).source == str(path)
    assert next(stream, None) is None


def test_a_batch_changes_nothing(predictor, mixed):
    found = list(predictor.predict(mixed, on_error='skip'))
    names = [str(mixed / name) for name in ('0.png', '1.png', '1b.jpg', '2.png', '3.png')]
    assert [one.source for one in found] == [*names, str(mixed / 'below/4.png')]
    assert [one.ok for one in found] == [True, True, False, True, True, True]
    assert found[2].source == names[2]
    assert 'cannot be read' in found[2].message
    for one in found:
        if one.ok:
            np.testing.assert_array_equal(predictor.predict(one.source).labels, one.labels)
            assert one.labels.shape == one.image.shape[:2]


@pytest.mark.parametrize(
    ('options', 'batches'),
    [
        (dict(batch_size=2), [2, 2, 1]),
        (dict(batch_size=9, memory_budget=1e-6), [1] * 5),
        (dict(batch_size=9, memory_budget=None), [5]),
        (dict(batch_size=9, memory_budget=2.2), [2, 2, 1]),  # MiB, 1 KiB and 16 bytes a pixel
    ],
)
def test_batches_keep_within_their_limits(predictor, run, monkeypatch, options, batches):
    sizes, kind = [], type(predictor.model)
    step = kind.test_step

    def counted(self, data):
        sizes.append(len(data['inputs']))
        return step(self, data)

    monkeypatch.setattr(kind, 'test_step', counted)
    given = []

    def pictures():
        for path in run.pictures:
            given.append(path)
            yield path

    stream = predictor.predict(pictures(), **options)
    assert given == []
    next(stream)
    assert len(given) <= batches[0] + 1
    assert 1 + len(list(stream)) == len(run.pictures)
    assert sizes == batches


def test_maps_on_request(predictor, run):
    plain = predictor.predict(run.pictures[0])
    assert plain.probabilities is None
    full = predictor.predict(run.pictures[0], probabilities=True, score_maps=True)
    np.testing.assert_array_equal(full.labels, plain.labels)
    np.testing.assert_allclose(full.probabilities.sum(axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(full.probabilities.argmax(axis=0), plain.labels)
    assert full.score_map('green').shape == (32, 32)
    assert np.abs(full.score_maps).max() <= 1
    best = predictor.predict(run.pictures[0], head='score_map')
    np.testing.assert_array_equal(best.labels, full.score_maps.argmax(axis=0))
    assert not predictor.model.test_cfg.get('keep_logits')


@pytest.mark.parametrize(
    ('pictures', 'options', 'message'),
    [
        ('nothing.png', {}, r'^nothing\.png: the picture cannot be read: no such file'),
        ([np.zeros((3, 3, 3), np.uint8), 'x.png'], {}, r'^x\.png'),
        ([np.zeros((3, 3, 3), np.uint8), 7], {}, r'^picture 1: a int; pictures are'),
        (7, {}, 'got int'),
        (b'x', {}, 'got bytes'),
        ([], dict(batch_size=0), 'batch_size must be'),
        ([], dict(memory_budget=0), 'memory_budget is in MiB'),
        ([], dict(on_error='ignore'), "'raise' or 'skip'"),
        ([], dict(classes=['one']), 'leaves nothing to tell apart'),
        ([], dict(classes=['a', ' ; ']), 'number 2 of 2'),
        ([], dict(classes=['a;b', 'a']), "'a' comes twice"),
        ([], dict(classes=7), 'must be a list of names'),
        ([], dict(classes=['a', 'b']), "SemanticFPNHead .* 3 classes .*head='score_map'"),
        ([], dict(head='best'), "head must be None or 'score_map'"),
        ([], dict(head='score_map', classes=['a', 'b ' * 40]), 'do not fit'),
    ],
)
def test_what_cannot_be_is_one_message(predictor, pictures, options, message):
    with pytest.raises(UserError, match=message):
        predictor.predict(pictures, **options)


def test_an_empty_folder_is_said_at_once(predictor, tmp_path):
    with pytest.raises(UserError, match='no picture in it'):
        predictor.predict(tmp_path)
    assert predictor.predict([]) == []


def test_score_maps_of_a_few_classes_are_those_of_all(scenes):
    picture = np.random.RandomState(0).randint(0, 255, (32, 48, 3), np.uint8)
    whole = scenes.predict(picture, score_maps=True)
    few = scenes.predict(picture, score_maps=['sheep', 'sea'])
    one = scenes.predict(picture, score_maps='sea')
    assert (few.score_maps.shape, one.score_maps.shape) == ((2, 32, 48), (1, 32, 48))
    for found, name in ((few, 'sheep'), (few, 'sea'), (one, 'sea')):
        np.testing.assert_allclose(found.score_map(name), whole.score_map(name), atol=1e-6)
    with pytest.raises(UserError, match="no score map of 'sky'"):
        few.score_map('sky')
    with pytest.raises(UserError, match="no class 'seas'.*sea"):
        scenes.predict(picture, score_maps=['seas'])
