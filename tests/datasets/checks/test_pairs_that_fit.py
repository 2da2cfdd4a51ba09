"""A picture and its mask have one size as training sees them, or nothing starts."""

from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets import ADE20KDataset
from PIL import Image

from icpc.datasets.checks.inspection import inspect
from icpc.datasets.checks.pair_faults import verify_labels
from icpc.datasets.picture_reading import load_picture, loaded_size, picture_loader
from icpc.errors import UserError
from icpc.evaluation.pictures import read_picture

TALL, WIDE = (30, 20), (20, 30)  # height and width
FOLDERS = dict(img_path='images', seg_map_path='masks')
PLAIN_READER = dict(type='LoadImageFromFile', color_type='color_ignore_orientation')


def gradient(size: tuple[int, int]) -> np.ndarray:
    height, width = size
    red = np.linspace(0, 255, width).round()[None].repeat(height, 0)
    green = np.linspace(0, 255, height).round()[:, None].repeat(width, 1)
    return np.stack([red, green, np.full(size, 90.0)], 2).astype(np.uint8)


def save_picture(path: Path, size: tuple[int, int], orientation: int | None) -> None:
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(gradient(size)).save(path, exif=exif, quality=95)


def save_mask(path: Path, size: tuple[int, int], label: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, label, np.uint8)).save(path)


def dataset(root: Path, suffix: str = '.jpg', **reader: object) -> ADE20KDataset:
    first = reader or dict(type='LoadImageFromFile')
    pipeline = [first, dict(type='LoadAnnotations')]
    return ADE20KDataset(
        data_root=str(root), data_prefix=FOLDERS, pipeline=pipeline, img_suffix=suffix
    )


TURNED = 'turned by its EXIF orientation, the mask shows it as it is stored'
OTHER = 'give each picture its own mask'
DIFFER = r'different sizes \(height x width\) in 1 of 2 pairs'
# suffix, stored size, EXIF orientation, reader, mask's size, what is refused
ROWS = [
    *((s, WIDE, o, {}, WIDE, None) for s in ('jpg', 'png') for o in (None, 0, 1, 2, 3, 4, 9)),
    *((s, WIDE, o, {}, TALL, None) for s in ('jpg', 'png', 'tif', 'webp') for o in (5, 6, 7, 8)),
    *((s, WIDE, o, {}, WIDE, TURNED) for s in ('jpg', 'png', 'tif', 'webp') for o in (5, 6, 7, 8)),
    *(('jpg', WIDE, o, {}, TALL, OTHER) for o in (None, 1, 3)),
    ('jpg', WIDE, 6, {}, (30, 21), OTHER),
    ('jpg', WIDE, None, {}, (20, 31), OTHER),
    ('jpg', WIDE, None, {}, (40, 60), OTHER),
    ('jpg', WIDE, 6, PLAIN_READER, WIDE, None),
    ('jpg', WIDE, 6, PLAIN_READER, TALL, OTHER),
]


@pytest.mark.parametrize(('suffix', 'stored', 'orientation', 'reader', 'mask', 'refused'), ROWS)
def test_sizes_as_training_sees_them(tmp_path, suffix, stored, orientation, reader, mask, refused):
    save_picture(tmp_path / f'images/a.{suffix}', TALL, None)
    save_picture(tmp_path / f'images/b.{suffix}', stored, orientation)
    save_mask(tmp_path / 'masks/a.png', TALL)
    save_mask(tmp_path / 'masks/b.png', mask)
    data = dataset(tmp_path, f'.{suffix}', **reader)
    path, load = str(tmp_path / f'images/b.{suffix}'), picture_loader(data)
    assert loaded_size(path, load) == load_picture(path, load).shape[:2]
    problems = list(inspect('training', data).messages())
    if refused is None:
        verify_labels(data)
        assert problems == []
        return
    with pytest.raises(UserError, match=DIFFER) as error:
        verify_labels(data)
    text = str(error.value)
    assert refused in text
    assert f'b.png is {mask[0]} x {mask[1]}, its picture ' in text
    assert len(problems) == 1
    assert refused in problems[0]
    assert problems[0].endswith('[1: b.png]')


def test_many_are_counted_and_the_first_named(tmp_path):
    for index in range(9):
        save_picture(tmp_path / f'images/{index}.jpg', WIDE, None)
        save_mask(tmp_path / f'masks/{index}.png', WIDE if index < 2 else TALL)
    with pytest.raises(UserError, match='in 7 of 9 pairs') as error:
        verify_labels(dataset(tmp_path))
    text = str(error.value)
    assert [text.count(f'/{index}.png') for index in range(9)] == [0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert text.endswith('; ...')


@pytest.mark.parametrize('reader', [{}, PLAIN_READER])
@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_overlays_and_panels_are_turned_as_training_turns(tmp_path, orientation, reader):
    path = tmp_path / 'images/b.png'
    save_picture(path, WIDE, orientation)
    save_mask(tmp_path / 'masks/b.png', WIDE)
    data = dataset(tmp_path, '.png', **reader)
    seen = load_picture(str(path), picture_loader(data))
    # Counted against the clock.
    quarter_turns = 0 if reader else {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    assert np.array_equal(seen[..., ::-1], np.rot90(gradient(WIDE), quarter_turns))
    assert np.array_equal(read_picture(path, data), seen[..., ::-1])
    assert np.array_equal(read_picture(path), seen[..., ::-1]) or reader


@pytest.mark.parametrize(('orientation', 'noted'), [(1, 0), (3, 1), (6, 1)])
def test_turned_pictures_are_said(tmp_path, orientation, noted):
    save_picture(tmp_path / 'images/b.jpg', WIDE, orientation)
    save_mask(tmp_path / 'masks/b.png', TALL if orientation == 6 else WIDE)
    report = inspect('training', dataset(tmp_path))
    assert sum('EXIF orientation' in note for note in report.notes) == noted
    assert report.turned == noted
