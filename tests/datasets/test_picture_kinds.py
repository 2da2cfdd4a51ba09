"""Pictures of all kinds are read as a person sees them, or refused with name and reason."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmseg.datasets import ADE20KDataset
from PIL import Image
from torch.utils.data import DataLoader

from icpc.datasets.checks.inspection import inspect
from icpc.datasets.checks.pair_faults import verify_labels
from icpc.datasets.converters.source_pictures import pixels_of, to_png
from icpc.errors import UserError, message_of
from icpc.evaluation.pictures import read_picture

Picture = Image.Image | np.ndarray | bytes

SIZE = (20, 32)
RAMP = np.linspace(0, 255, SIZE[0] * SIZE[1]).reshape(SIZE)
GREY = RAMP.round().astype(np.uint8)
COLOUR = np.stack([GREY, GREY.T.reshape(SIZE), np.full(SIZE, 90, np.uint8)], 2)


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, 2).astype(np.uint8)


def pillow(pixels: np.ndarray, mode: str | None = None) -> Image.Image:
    picture = Image.fromarray(pixels)
    return picture if mode is None else picture.convert(mode)


def dataset(root: Path, name: str, picture: Picture, backend: str = 'cv2') -> ADE20KDataset:
    (root / 'images').mkdir(parents=True, exist_ok=True)
    (root / 'masks').mkdir(exist_ok=True)
    Image.fromarray(np.full(SIZE, 3, np.uint8)).save(root / 'masks/a.png')
    save(root / 'images' / name, picture)
    load = dict(type='LoadImageFromFile', imdecode_backend=backend)
    return ADE20KDataset(
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix=Path(name).suffix,
        pipeline=[load, dict(type='LoadAnnotations'), dict(type='PackSegInputs')],
    )


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """By the formula: the share `alpha` of the colour, the rest of white."""
    share = alpha[..., None] / 255
    return (share * colour + (1 - share) * 255).round().astype(np.uint8)


def saved(picture: Image.Image, kind: str = 'PNG', **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


WIDE = np.linspace(0, 65535, GREY.size).reshape(SIZE).astype(np.uint16)
DEEP_COLOUR = COLOUR.astype(np.uint16) * 257
HALF = np.repeat(np.array([[255], [0]], np.uint8), SIZE[0] // 2, 0).repeat(SIZE[1], 1)
HALF_GREY = grey(np.where(HALF == 255, GREY, 255))
KEYED = np.where(HALF == 255, 99, 7).astype(np.uint8)
KEY_GREY = grey(np.where(HALF == 255, 99, 255))
DEEP_ALPHA = cv2.imencode('.png', np.dstack([COLOUR[..., ::-1], GREY]).astype(np.uint16) * 257)[1]
DEEP_ALPHA = DEEP_ALPHA.tobytes()
PALETTE = Image.fromarray((HALF == 255).astype(np.uint8), 'P')
PALETTE.putpalette([9, 99, 199, 30, 60, 90])
PALETTE_KEY, PALETTE_GIF = (saved(PALETTE, kind, transparency=0) for kind in ('PNG', 'GIF'))
PALETTE_KEY_RGB = np.where(HALF[..., None] == 255, [30, 60, 90], 255).astype(np.uint8)
# file, picture, RGB expected, largest mean difference
READ = {
    '1 bit': ('a.png', pillow(GREY > 99), grey((GREY > 99) * 255), 0),
    'grey': ('a.png', pillow(GREY), grey(GREY), 0),
    'grey jpeg': ('a.jpg', pillow(GREY), grey(GREY), 2),
    'grey and alpha': ('a.png', pillow(grey(GREY), 'LA'), grey(GREY), 0),
    'grey, 16 bit': ('a.png', pillow(WIDE), grey(WIDE >> 8), 0),
    'grey, 16 bit tiff': ('a.tif', pillow(WIDE), grey(WIDE >> 8), 0),
    'colour, 16 bit': ('a.png', DEEP_COLOUR, COLOUR, 0),
    'colour, 16 bit tiff': ('a.tif', DEEP_COLOUR, COLOUR, 0),
    'palette': ('a.png', pillow(grey(GREY // 32 * 32), 'P'), None, 0),
    'palette gif': ('a.gif', pillow(grey(GREY // 32 * 32), 'P'), None, 0),
    'alpha': ('a.png', pillow(np.dstack([COLOUR, GREY])), on_white(COLOUR, GREY), 0),
    'alpha, all opaque': ('a.png', pillow(np.dstack([COLOUR, GREY * 0 + 255])), COLOUR, 0),
    'alpha, 16 bit': ('a.png', DEEP_ALPHA, on_white(COLOUR, GREY), 0),
    'alpha webp': (
        'a.webp',
        saved(pillow(np.dstack([COLOUR, GREY])), 'WEBP', lossless=True),
        on_white(COLOUR, GREY),
        1,
    ),
    'alpha tiff': ('a.tif', pillow(np.dstack([COLOUR, GREY])), on_white(COLOUR, GREY), 0),
    'grey and transparency': ('a.png', pillow(np.dstack([GREY, HALF])), HALF_GREY, 0),
    'palette and transparency': ('a.png', PALETTE_KEY, PALETTE_KEY_RGB, 0),
    'palette gif and transparency': ('a.gif', PALETTE_GIF, PALETTE_KEY_RGB, 0),
    'grey and a transparent value': ('a.png', saved(pillow(KEYED), transparency=7), KEY_GREY, 0),
    'a transparent colour': (
        'a.png',
        saved(pillow(grey(KEYED)), transparency=(7,) * 3),
        KEY_GREY,
        0,
    ),
    'wide grey and a transparent value': (
        'a.png',
        saved(pillow(KEYED.astype(np.uint16) * 256), transparency=7 * 256),
        KEY_GREY,
        0,
    ),
    'cmyk': ('a.jpg', pillow(grey(GREY), 'CMYK'), grey(GREY), 4),
    'cmyk tiff': ('a.tif', pillow(grey(GREY), 'CMYK'), grey(GREY), 2),
    'bitmap': ('a.bmp', pillow(COLOUR), COLOUR, 0),
}
CUT_JPEG, CUT_PNG = (saved(pillow(COLOUR), kind)[:-200] for kind in ('JPEG', 'PNG'))
# file, content, reader, the reason
REFUSED = {
    '32 bit': ('a.tif', pillow(WIDE.astype(np.int32)), 'cv2', '32 bit values'),
    'float': ('a.tif', pillow((RAMP / 255).astype(np.float32)), 'cv2', 'floating point values'),
    'float colour': ('a.tif', (COLOUR / 255).astype(np.float32), 'cv2', 'floating point values'),
    'float hdr': ('a.hdr', (COLOUR / 255).astype(np.float32), 'cv2', 'floating point values'),
    'clipped': ('a.png', pillow(WIDE), 'pillow', 'clips to white'),
    'clipped tiff': ('a.tif', pillow(WIDE), 'pillow', 'clips to white'),
    'empty': ('a.png', b'', 'cv2', 'the file is empty'),
    'text': ('a.jpg', b'not found', 'cv2', 'not a picture'),
    'cut jpeg': ('a.jpg', CUT_JPEG, 'cv2', 'the file is cut'),
    'cut jpeg, pillow': ('a.jpg', CUT_JPEG, 'pillow', 'the file is cut'),
}


def save(path: Path, picture: Picture) -> None:
    if isinstance(picture, bytes):
        path.write_bytes(picture)
    elif isinstance(picture, Image.Image):
        picture.save(path)
    else:
        cv2.imwrite(str(path), picture[..., ::-1])


@pytest.mark.parametrize('kind', READ)
def test_kinds_that_are_read(tmp_path, kind):
    name, picture, expected, tolerance = READ[kind]
    data = dataset(tmp_path, name, picture)
    expected = np.asarray(picture.convert('RGB')) if expected is None else expected
    seen = data[0]['inputs'].numpy()[::-1].transpose(1, 2, 0)
    assert np.abs(seen.astype(int) - expected).mean() <= tolerance
    assert np.array_equal(read_picture(tmp_path / 'images' / name), seen)
    content = (tmp_path / 'images' / name).read_bytes()
    assert np.array_equal(pixels_of(to_png(content)), seen)
    verify_labels(data)
    assert list(inspect('training', data).messages()) == []


@pytest.mark.parametrize('kind', REFUSED)
def test_kinds_that_are_refused(tmp_path, kind):
    name, picture, backend, reason = REFUSED[kind]
    data = dataset(tmp_path, name, picture, backend)
    with pytest.raises(UserError, match=rf'/{name}: the picture cannot be read: .*{reason}'):
        verify_labels(data)
    (problem,) = inspect('training', data).messages()
    assert problem.startswith('the picture cannot be read (')


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize(
    ('path', 'content', 'what'),
    [
        ('images/a.png', None, 'the picture cannot be read: no such file'),
        ('images/a.png', b'', 'the picture cannot be read: the file is empty'),
        ('images/a.png', b'x', 'the picture cannot be read: not a picture'),
        ('images/a.png', CUT_JPEG, 'the picture cannot be read: the file is cut'),
        ('images/a.png', CUT_PNG, 'the picture cannot be read: image file is truncated'),
        ('masks/a.png', None, 'the mask cannot be read: no such file'),
        ('masks/a.png', b'', 'the mask cannot be read: the file is empty'),
        ('masks/a.png', b'\x89PNG\r\n\x1a\n', 'the mask cannot be read: '),
    ],
)
def test_a_file_that_breaks_while_a_run_reads(tmp_path, path, content, what, workers):
    data = dataset(tmp_path, 'a.png', pillow(COLOUR))
    loader = DataLoader(data, num_workers=workers, collate_fn=pseudo_collate)
    if content is None:
        (tmp_path / path).unlink()
    else:
        (tmp_path / path).write_bytes(content)
    pictures = iter(loader)
    with pytest.raises(UserError) as error:
        next(pictures)
    if workers:
        pictures._shutdown_workers()  # the garbage collector would wait 5 s for its process
    text = message_of(error.value)
    assert text.startswith(f'{tmp_path / path}: {what}')
    assert text.endswith('goes on with --resume')
    assert '\n' not in text
