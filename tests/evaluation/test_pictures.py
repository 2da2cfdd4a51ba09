from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from icpc.evaluation.panel import PanelRow, save_panel
from icpc.evaluation.pictures import (
    class_names,
    colourise,
    overlay,
    palette_of,
    read_picture,
    save_mask,
    save_overlay,
)

PALETTE = np.array([[255, 0, 0], [0, 255, 0]])
NAMES = ['red', 'green']


def test_each_class_has_its_colour_and_the_rest_is_dark():
    painted = colourise(np.array([[0, 1, 255, 2]]), PALETTE)
    assert painted.tolist() == [[[255, 0, 0], [0, 255, 0], [20, 20, 20], [20, 20, 20]]]


def test_overlay_mixes_by_opacity():
    image = np.full((1, 1, 3), 100, dtype=np.uint8)
    assert overlay(image, np.array([[0]]), PALETTE, opacity=0.5).tolist() == [[[178, 50, 50]]]
    assert overlay(image, np.array([[0]]), PALETTE, opacity=0.0).tolist() == image.tolist()


def test_masks_come_back_with_8_or_16_bits(tmp_path):
    for top, mode in ((149, 'L'), (846, 'I;16')):
        labels = np.array([[0, top]])
        save_mask(tmp_path / 'deep' / 'mask.png', labels)
        read = Image.open(tmp_path / 'deep' / 'mask.png')
        assert read.mode == mode
        assert np.asarray(read).tolist() == labels.tolist()


def test_the_overlay_file_holds_picture_overlay_and_legend(tmp_path):
    image = np.full((32, 48, 3), 100, dtype=np.uint8)
    labels = np.zeros((32, 48), dtype=int)
    save_overlay(tmp_path / 'x.png', image, labels, NAMES, PALETTE)
    sheet = np.asarray(Image.open(tmp_path / 'x.png'))
    height, width = 32 * 12, 48 * 12
    assert sheet.shape[0] == height
    assert sheet[5, 5].tolist() == [100, 100, 100]
    assert sheet[5, width + 5].tolist() == [193, 40, 40]
    legend = sheet[:, 2 * width :]
    assert (legend == PALETTE[0]).all(-1).any()
    assert not (legend == PALETTE[1]).all(-1).any()


@pytest.mark.parametrize('shape', [(1, 300), (300, 1), (1, 1), (1, 33000)])
def test_an_overlay_of_any_shape_is_a_picture_that_a_jpeg_can_hold(tmp_path, shape):
    image, labels = np.zeros((*shape, 3), np.uint8), np.zeros(shape, int)
    save_overlay(tmp_path / 'x.jpg', image, labels, NAMES, PALETTE)
    width, height = Image.open(tmp_path / 'x.jpg').size
    assert max(shape) <= max(width, height) <= 65500


def test_the_panel_is_drawn_with_and_without_score_maps(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (8, 8))
    image = rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)
    sizes = []
    for maps in ({}, {'red': rng.random((8, 8)), 'green': rng.random((8, 8))}):
        save_panel(tmp_path / 'p.png', [PanelRow(image, labels, labels, maps)] * 2, NAMES, PALETTE)
        sizes.append(Image.open(tmp_path / 'p.png').size)
    assert sizes[0][0] < sizes[1][0]
    pixels = np.asarray(Image.open(tmp_path / 'p.png').convert('RGB')).reshape(-1, 3)
    for colour in PALETTE:
        assert (pixels == colour).all(1).sum() > 1000


def test_a_white_class_has_a_border_in_both_legends(tmp_path):
    labels, image = np.zeros((32, 32), dtype=int), np.zeros((32, 32, 3), dtype=np.uint8)
    white, grey = np.array([[255, 255, 255]]), np.array([128, 128, 128])
    save_panel(tmp_path / 'panel.png', [PanelRow(image, labels, labels)], ['x'], white)
    save_overlay(tmp_path / 'overlay.png', image, labels, ['x'], white)
    for name in ('panel', 'overlay'):
        pixels = np.asarray(Image.open(tmp_path / f'{name}.png').convert('RGB'))
        assert (pixels == grey).all(-1).sum() > 30, name


def row_of(height, width, maps=(), image=None):
    rng = np.random.default_rng(height)
    picture = rng.integers(0, 255, (height, width, 3)).astype(np.uint8)
    labels = rng.integers(0, 2, (height, width))
    named = {name: rng.random((height, width)) for name in maps}
    return PanelRow(picture if image is None else image, labels, labels, named)


@pytest.mark.parametrize(
    ('rows', 'names'),
    [
        ([row_of(9, 40, ['red', 'green']), row_of(70, 8, ['red']), row_of(5, 5)], NAMES),
        ([row_of(8, 8, ['a $b$ $']), row_of(8, 8)], ['a $b$ $', '_background_']),
        ([PanelRow(np.zeros((4, 4, 3), np.uint8), *[np.full((4, 4), 65535)] * 2)], NAMES),
        ([PanelRow(np.zeros((4, 4, 3), np.uint8), *[np.zeros((4, 4), int)] * 2)], ['only']),
        ([replace(row_of(6, 6), score_maps={'red': np.full((6, 6), np.nan)})], NAMES),
        ([replace(row_of(6, 6), score_maps={'red': np.zeros((6, 6))})], NAMES),
    ],
    ids=['sizes', 'names', 'nothing', 'one class', 'nan', 'flat'],
)
def test_whatever_the_rows_hold_a_panel_is_drawn(tmp_path, recwarn, rows, names):
    save_panel(tmp_path / 'p.png', rows, names, PALETTE, 'mean of 2 views')
    assert np.asarray(Image.open(tmp_path / 'p.png')).std() > 1
    assert [path.name for path in tmp_path.iterdir()] == ['p.png']
    assert not list(recwarn)


def test_a_huge_picture_becomes_a_thumbnail_whose_parts_fit():
    large = row_of(50, 1700, ['red'], image=np.full((25, 850, 3), 77, np.uint8))
    small = large.thumbnail(longest=600)
    assert small.image.shape == (17, 567, 3)
    assert (small.image == 77).all()
    assert small.truth.shape == small.score_maps['red'].shape == (17, 567)
    assert small.prediction[1, 2] == large.prediction[3, 6]
    assert small.prediction.base is None  # the large one can be forgotten
    assert small.score_maps['red'][2, 1] == large.score_maps['red'][6, 3]
    same = row_of(20, 30).thumbnail()
    assert np.array_equal(same.image, row_of(20, 30).image)


def test_a_panel_that_cannot_be_written_leaves_the_former_one(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, 'No space left on device')

    (tmp_path / 'p.png').write_bytes(b'former')
    monkeypatch.setattr(Path, 'replace', full)
    with pytest.raises(OSError, match='No space'):
        save_panel(tmp_path / 'p.png', [row_of(8, 8)], NAMES, PALETTE)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b'former']


@pytest.mark.parametrize('mode', ['L', 'RGB', 'I;16', 'P', 'RGBA'])
def test_pictures_of_any_mode_are_read_as_rgb(tmp_path, mode):
    kind = np.uint16 if mode == 'I;16' else np.uint8
    grey = np.full((5, 7), 100 * (257 if mode == 'I;16' else 1), dtype=kind)
    image = Image.fromarray(grey) if mode in ('L', 'I;16') else Image.fromarray(grey).convert(mode)
    image.save(tmp_path / 'x.png')
    assert read_picture(tmp_path / 'x.png').tolist() == np.full((5, 7, 3), 100).tolist()


def test_a_turned_picture_is_read_as_the_network_reads_it(tmp_path):
    image, exif = Image.new('RGB', (30, 20), 'white'), Image.Exif()
    exif[0x0112] = 6  # orientation: lies on its side
    image.save(tmp_path / 'x.jpg', exif=exif)
    loaded = LoadImageFromFile()({'img_path': str(tmp_path / 'x.jpg')})['img']
    assert read_picture(tmp_path / 'x.jpg').shape == loaded.shape


@pytest.mark.parametrize('own', [None, [], [[1, 2, 3]], [[1, 2, 3], [4, 5, 6]]])
def test_missing_colours_are_made_up(own):
    dataset = SimpleNamespace(metainfo={'classes': ['a ', 'b'], 'palette': own})
    palette = palette_of(dataset)
    assert (palette.shape, palette.dtype) == ((2, 3), np.uint8)
    assert palette[: len(own or ())].tolist() == (own or [])
    assert palette.tolist() == palette_of(dataset).tolist()
    assert class_names(dataset) == ['a', 'b']
