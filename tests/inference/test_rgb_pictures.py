"""Whatever a picture is given as, the network sees the pixels that training would see."""

import numpy as np
import pytest
import torch
from PIL import Image

from icpc.datasets.named_readers import LoadNamedPicture
from icpc.errors import UserError
from icpc.inference.prepared import Preparation
from icpc.inference.rgb_pictures import rgb_of

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RGB[..., 0]
ALPHA = np.where(np.arange(9) < 4, 0, 255).astype(np.uint8)[None].repeat(6, 0)
WHITENED = np.where(ALPHA[..., None] == 0, 255, RGB)
THRICE = GREY[..., None].repeat(3, 2)
LONG = GREY.astype(np.uint16) * 257


def turned(mode: str = 'RGB') -> Image.Image:
    """Stored on its side, with the EXIF orientation that rights it."""
    picture = Image.fromarray(np.rot90(RGB).copy()).convert(mode)
    picture.getexif()[274] = 6  # turned clockwise when it is shown
    return picture


@pytest.mark.parametrize(
    ('picture', 'expected'),
    [
        (RGB, RGB),
        (RGB[::-1], RGB[::-1]),
        (GREY, THRICE),
        (GREY[..., None], THRICE),
        (LONG, THRICE),
        (np.dstack([RGB, ALPHA]), WHITENED),
        (RGB / 255, RGB),
        (torch.tensor(RGB).permute(2, 0, 1), RGB),
        (torch.tensor(RGB).permute(2, 0, 1) / 255, RGB),
        (torch.tensor(GREY)[None], THRICE),
        (Image.fromarray(RGB), RGB),
        (Image.fromarray(GREY), THRICE),
        (Image.fromarray(LONG), THRICE),
        (Image.fromarray(np.dstack([RGB, ALPHA])), WHITENED),
        (Image.fromarray(np.dstack([GREY, ALPHA])), np.where(ALPHA[..., None] == 0, 255, THRICE)),
        (turned(), RGB),
    ],
    ids=lambda value: f'{type(value).__name__}-{"x".join(map(str, np.shape(value)))}',
)
def test_the_pixels(picture, expected):
    found = rgb_of(picture, 'it')
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ('picture', 'message'),
    [
        (RGB.transpose(2, 0, 1), r'array\.transpose\(1, 2, 0\)'),
        (RGB[None], 'as a list'),
        (RGB.astype(np.int32), 'int32'),
        (np.full((2, 2), 255.0), 'from 255 to 255; expected shares'),
        (np.full((2, 2), np.nan), 'nan'),
        (np.zeros((0, 3, 3), np.uint8), r'\(0, 3, 3\)'),
        (torch.tensor(RGB), r'\(6, 9, 3\); expected \(3, H, W\)'),
        (Image.fromarray(RGB[..., 0].astype(np.float32)), 'mode F'),
        (b'bytes', 'bytes; pictures are a path'),
        (None, 'NoneType'),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_picture_is_named(picture, message):
    with pytest.raises(UserError, match=f'^picture 3: .*{message}'):
        rgb_of(picture, 'picture 3')


@pytest.mark.parametrize(
    ('name', 'picture'),
    [
        ('rgb.png', Image.fromarray(RGB)),
        ('grey.png', Image.fromarray(GREY)),
        ('long.png', Image.fromarray(LONG)),
        ('alpha.png', Image.fromarray(np.dstack([RGB, ALPHA]))),
        ('turned.png', turned()),
        ('turned.tif', turned()),
        ('cmyk.jpg', Image.fromarray(RGB).convert('CMYK')),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
@pytest.mark.parametrize('load', [{}, {'to_float32': True}, {'color_type': 'grayscale'}])
def test_a_file_is_read_as_training_reads_it(tmp_path, name, picture, load):
    file = tmp_path / name
    picture.save(file, **({'exif': picture.getexif()} if 'turned' in name else {}))
    reader = dict(type='LoadImageFromFile', **load)
    prepare = Preparation([reader, dict(type='LoadAnnotations'), dict(type='PackSegInputs')])
    expected = LoadNamedPicture(**load)({'img_path': str(file)})['img']
    expected = expected[..., None] if expected.ndim == 2 else expected
    ready = prepare(file, 'unused')
    np.testing.assert_array_equal(ready.inputs.numpy().transpose(1, 2, 0), expected)
    assert ready.image.shape == (*expected.shape[:2], 3)
    if not name.endswith('jpg'):  # whose colours Pillow mixes in another way
        in_memory = prepare(Image.open(file), 'it')
        # Decoders of formats round what they make grey each in their own way.
        most = 1 if 'color_type' in load else 0
        difference = in_memory.inputs.numpy().astype(int) - ready.inputs.numpy().astype(int)
        assert abs(difference).max() <= most
        np.testing.assert_array_equal(in_memory.image, ready.image)
