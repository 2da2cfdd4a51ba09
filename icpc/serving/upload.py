"""A picture file that came from a browser: how large it may be, and what is in it."""

import io

import numpy as np
from PIL import Image

from ..datasets.picture_reading import UnreadablePicture, decode_picture
from ..errors import UserError

_BYTES = 4  # of a file for each pixel, our choice: red, green, blue and transparency, not packed

# Pillow would ask other programs for some of what it knows, such as Ghostscript for EPS.
_FORMATS = ('PNG', 'JPEG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'PPM', 'AVIF')


def most_bytes(megapixels: float) -> int:
    """How large a file may be.

    Args:
        megapixels: The most that a picture may have.
    """
    return round(megapixels * 1e6) * _BYTES


def read_upload(content: bytes, megapixels: float) -> np.ndarray:
    """The pixels of an uploaded file; its size is looked at before anything is decoded.

    Args:
        content: Of the file.
        megapixels: The most that the picture may have.

    Returns:
        (H, W, 3) uint8 RGB, as every picture is read: turned by EXIF, 16 bits scaled to 8, what is
        transparent on white.

    Raises:
        UserError: Too large, or no picture.
    """
    if len(content) > most_bytes(megapixels):
        limit = most_bytes(megapixels) / 1e6
        raise UserError(f'the file has {len(content) / 1e6:.1f} MB; the most here is {limit:g} MB')
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as header:
            width, height = header.size
    except Image.DecompressionBombError:
        raise UserError(f'the picture has far more than {megapixels:g} megapixels') from None
    except Exception:
        known = ', '.join(_FORMATS)
        raise UserError(f'this is no whole picture of a format known here: {known}') from None
    if height * width > megapixels * 1e6:
        raise UserError(
            f'the picture has {width} x {height} = {height * width / 1e6:.1f} megapixels; the most '
            f'here is {megapixels:g}: make it smaller, or start the server with a larger --max-size'
        )
    try:
        pixels = decode_picture(content)
    except UnreadablePicture as error:
        raise UserError(f'the picture cannot be read: {error}') from error
    return np.ascontiguousarray(pixels[..., ::-1])
