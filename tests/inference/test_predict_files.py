"""`icpc predict`: what is written for pictures, broken ones and videos."""

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from icpc.errors import UserError
from icpc.inference.command import predict
from icpc.inference.predict_files import _items, predict_files


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / 'in'
    (folder / 'below').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ('a.png', 'a.jpg', 'below/b.png'):
        pixels = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / 'broken.png').write_bytes(b'x')
    (folder / 'moving.gif').write_bytes(b'x')
    return folder


def lines_of(out):
    return [json.loads(line) for line in (out / 'predictions.jsonl').read_text().splitlines()]


def test_files_of_each_picture(scenes, pictures, tmp_path, capsys):
    out = tmp_path / 'out'
    names = ['sky;heaven', 'sea', 'sand']
    options = dict(classes=names, head='score_map')
    failed = predict_files(scenes, [pictures], out, score_maps=True, **options)
    assert [one.source for one in failed] == [str(pictures / 'broken.png')]
    printed = capsys.readouterr().out
    assert printed.count('skipped: ') == 1
    assert '3 pictures in' in printed
    assert '1 files are no pictures and left out, such as moving.gif' in printed
    lines = lines_of(out)
    assert [line['picture'] for line in lines] == [
        str(pictures / name) for name in ('a.jpg', 'a.png', 'below/b.png', 'broken.png')
    ]
    assert 'cannot be read' in lines[3]['error']
    assert [line['labels'] for line in lines[:3]] == [
        f'labels/{name}.png' for name in ('a.jpg', 'a.png', 'below/b')
    ]
    for line in lines[:3]:
        expected = scenes.predict(line['picture'], score_maps=True, **options)
        labels = np.asarray(Image.open(out / line['labels']))
        np.testing.assert_array_equal(labels, expected.labels)
        assert line['size'] == [32, 48]
        assert sum(line['area'].values()) == pytest.approx(1, abs=1e-5)
        assert (out / line['overlay']).is_file()
        saved = np.load(out / line['score_maps'])
        np.testing.assert_allclose(saved['score_maps'], expected.score_maps, atol=1e-3)
        assert saved['classes'].tolist() == ['sky', 'sea', 'sand']
    predict_files(scenes, [pictures / 'a.jpg'], out)
    printed = capsys.readouterr().out
    assert '3 maps of earlier predictions stay there, such as labels/a.jpg.png' in printed


def test_refusals_write_nothing(scenes, pictures, tmp_path):
    out = tmp_path / 'out'
    with pytest.raises(UserError, match="head='score_map'"):
        predict_files(scenes, [pictures], out, classes=['a', 'b'])
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='no picture in it'):
        predict_files(scenes, [tmp_path / 'empty'], out)
    with pytest.raises(UserError, match='a video needs PyAV'):
        predict_files(scenes, [tmp_path / 'x.mp4'], out)
    with pytest.raises(UserError, match='--out: give a folder'):
        predict_files(scenes, [pictures], Path(''))
    assert not out.exists()


@pytest.mark.parametrize(
    ('given', 'names'),
    [
        (['one/a.jpg', 'two/b.jpg'], ['a', 'b']),
        (['one/a.jpg', 'two/a.jpg'], ['one/a', 'two/a']),
        (['one', 'two/b.jpg'], ['a', 'b']),
        (['one', 'two'], ['one/a', 'two/a', 'two/b']),
        (['one', 'one/a.jpg'], ['a']),
    ],
)
def test_what_files_are_called(tmp_path, monkeypatch, given, names):
    for path in ('one/a.jpg', 'two/a.jpg', 'two/b.jpg'):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    assert [item.name for item in _items(given)] == names


def test_a_video_goes_frame_by_frame(scenes, tmp_path, monkeypatch):
    """PyAV is stood in for: two frames, then a fault."""

    class Fault(ValueError):
        pass

    class Video:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

        def decode(self, video):
            for value in (50, 200):
                pixels = np.full((16, 16, 3), value, np.uint8)
                yield SimpleNamespace(to_ndarray=lambda format, pixels=pixels: pixels)
            raise Fault('cut')

    av = ModuleType('av')
    av.open, av.error = lambda path: Video(), SimpleNamespace(FFmpegError=Fault)
    monkeypatch.setitem(sys.modules, 'av', av)
    failed = predict_files(scenes, [tmp_path / 'x.mp4'], tmp_path / 'out', overlays=False)
    assert [one.message for one in failed] == [
        f'{tmp_path / "x.mp4"}: cannot be read as a video: cut'
    ]
    lines = lines_of(tmp_path / 'out')
    assert [line.get('labels') for line in lines] == [
        'labels/x/000000.png',
        'labels/x/000001.png',
        None,
    ]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (dict(pretrained='openai'), 'needs --classes'),
        (dict(threshold=0.1), '--threshold is for a CLIP alone'),
        (dict(dense='value'), '--dense is for a CLIP alone'),
        (dict(pretrained='openai', head='score_map', classes='a, b'), 'neither --config nor'),
        (dict(model='nothing'), 'no such model'),
    ],
)
def test_words_that_do_not_go_together(tmp_path, words, message):
    plain = dict(pictures=['x'], model='scenes', device='cpu', batch_size=8)
    plain |= dict.fromkeys(('pretrained', 'config', 'classes', 'head', 'dense', 'threshold'))
    plain |= dict(no_overlays=False, score_maps=False)
    with pytest.raises(UserError, match=message):
        predict(argparse.Namespace(**plain | words), tmp_path / 'out')
