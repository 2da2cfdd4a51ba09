"""Palettes of a person: how they are written, coloured masks, and what is refused."""

from pathlib import Path

import downloads
import numpy as np
import pytest

from icpc.datasets import folder
from icpc.datasets.converters.own.own_colours import Colours, decode_colours, read_colours
from icpc.datasets.converters.own.own_ids import Ids, look_at
from icpc.datasets.converters.sources import Source
from icpc.errors import UserError

NAMES = ('cat', 'big dog')
RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def palette(tmp_path: Path, text: str) -> Colours:
    path = tmp_path / 'palette.txt'
    path.write_text(text, encoding='utf-8')
    return read_colours(path, NAMES)


@pytest.mark.parametrize(
    ('text', 'void'),
    [
        ('255 0 0\n0 0 255\n', ()),
        ('#ff0000\n\n#0000FF', ()),
        ('0 0 255\t\tbig dog\r\n255 0 0\t\tcat\r\n', ()),
        ('cat 255 0 0\nbig dog: #0000ff\nsky 0,0,0\n', (BLACK,)),
        ('\ufeff255,0,0,cat\n0;0;255;big dog\n0 0 0 void', (BLACK,)),
    ],
)
def test_forms_of_a_palette(tmp_path, text, void):
    assert palette(tmp_path, text) == Colours((RED, BLUE), void)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('255 0 0\n', '1 colours without names for 2 class names'),
        ('255 0 0\n0 0 256\n', r"line 2 \('0 0 256'\) is no colour"),
        ('cat\nbig dog\n', 'line 1 .* is no colour'),
        ('255 0 0 cat\n0 0 255\n', 'some colours have a name and some have none'),
        ('255 0 0 cat\n0 0 255 dog\n', "no colour of the class 'big dog'"),
        ('255 0 0 cat\n0 0 255 big dog\n1 1 1 cat', "'cat' comes twice"),
        ('255 0 0\n255 0 0\n', 'the colour 255 0 0 comes twice'),
    ],
)
def test_wrong_palettes(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        palette(tmp_path, text)


def test_no_palette_file(tmp_path):
    with pytest.raises(UserError, match='--palette .*none.txt: cannot be read'):
        read_colours(tmp_path / 'none.txt', NAMES)


def coloured(*colours: tuple[int, ...]) -> bytes:
    return downloads.encoded(np.array([colours], np.uint8))


@pytest.mark.parametrize(
    ('mask', 'expected'),
    [
        (coloured(RED, BLUE, BLACK), [0, 1, -1]),
        (coloured((*BLUE, 255), (*RED, 0)), [1, 0]),  # transparency does not matter
    ],
)
def test_coloured_masks(mask, expected):
    assert decode_colours(mask, Colours((RED, BLUE), (BLACK,)))[0].tolist() == expected


def test_ids_of_coloured_masks(tmp_path):
    """Places become the ids of --class-ids, so that one folder may hold both kinds of masks."""
    masks = {'a.png': coloured(RED, BLACK), 'b.png': downloads.encoded(np.array([[9]], np.uint8))}
    source = Source(downloads.write(tmp_path, masks))
    ids = Ids(NAMES, class_ids=(5, 9), colours=Colours((RED, BLUE), (BLACK,)))
    assert look_at(source, ['a.png', 'b.png'], ids) == ['void, which is not trained: id 65535']


@pytest.mark.parametrize(
    ('mask', 'colours', 'message'),
    [
        (coloured(RED), None, 'a.png: a mask of mode RGB, expected one channel .*--palette FILE'),
        (coloured(RED, BLACK, BLACK), Colours((RED, BLUE)),
         r'a.png: the colour 0 0 0 \(2 pixels; 1 such colours\) .*add a line `0 0 0 void`'),
        (coloured(*((i, 0, 0) for i in range(9))), Colours((RED, BLUE)), 'JPEG or smooth scaling'),
    ],
)  # fmt: skip
def test_colours_that_are_not_known(tmp_path, mask, colours, message):
    source = Source(downloads.write(tmp_path, {'a.png': mask}))
    with pytest.raises(UserError, match=message):
        look_at(source, ['a.png'], Ids(NAMES, colours=colours))


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('255 0 0\n0 0 255\n', [list(BLUE), list(RED)]),
        ('255 0 0\n', 'palette.txt has 1 colours'),
        ('255 0\n0 0 255\n', 'palette.txt: write one colour a line'),
        ('red\nblue\n', 'palette.txt: write one colour a line'),
    ],
)
def test_the_dataset_takes_the_palette(tmp_path, text, expected):
    root = downloads.write(
        tmp_path, {'palette.txt': text.encode(), 'classes.txt': b'cat\nbig dog\n'}
    )
    metainfo = dict(classes=['big dog', 'cat'])

    def made() -> folder.FolderDataset:
        return folder.FolderDataset(data_root=str(root), metainfo=metainfo, lazy_init=True,
                                    pipeline=[], test_mode=True)  # fmt: skip

    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            made()
    else:
        assert made().metainfo['palette'] == expected
