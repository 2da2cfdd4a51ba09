"""An uploaded file: limits before it is decoded, then read as every picture."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from icpc.errors import UserError
from icpc.serving.upload import most_bytes, read_upload


def file_of(picture, kind='PNG', **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(name, content):
    check = struct.pack('>I', zlib.crc32(name + content))
    return struct.pack('>I', len(content)) + name + content + check


HUGE = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 90000, 90000, 8, 2, 0, 0, 0))
NOISE = Image.fromarray(np.random.RandomState(0).randint(0, 255, (30, 40, 3), np.uint8))
WHOLE = file_of(Image.new('RGB', (40, 30), 'red'))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'\0' * (most_bytes(0.1) + 1), '0.4 MB'),
        (HUGE + chunk(b'IEND', b''), 'far more than 0.1 megapixels'),
        (file_of(Image.new('L', (400, 300))), '400 x 300 = 0.1 megapixels; the most here is 0.1'),
        (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n', 'PNG, JPEG'),
        (b'', 'no whole picture'),
        (WHOLE[: len(WHOLE) // 2], 'cannot be read'),
        (file_of(NOISE, 'JPEG')[:-200], 'cannot be read: the file is cut'),
    ],
    ids=['bytes', 'bomb', 'pixels', 'eps', 'empty', 'cut_png', 'cut_jpeg'],
)
def test_what_is_refused(content, message):
    with pytest.raises(UserError, match=message):
        read_upload(content, 0.1)


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'PPM', 'AVIF'])
def test_formats(kind):
    found = read_upload(file_of(Image.new('RGB', (40, 30), 'red'), kind), 1).astype(int)
    assert found.shape == (30, 40, 3)
    assert abs(found - (255, 0, 0)).max() < 4


def test_it_is_read_as_every_picture():
    np.testing.assert_array_equal(read_upload(WHOLE, 1), np.full((30, 40, 3), (255, 0, 0)))
    exif = Image.Exif()
    exif[274] = 6
    turned = file_of(Image.new('RGB', (40, 30)), 'JPEG', exif=exif)
    assert read_upload(turned, 1).shape == (40, 30, 3)
    glass = file_of(Image.new('RGBA', (4, 3), (0, 0, 0, 0)))
    assert (read_upload(glass, 1) == 255).all()
    grey = file_of(Image.fromarray(np.full((3, 4), 0x8000, np.uint16)))
    assert (read_upload(grey, 1) == 128).all()
