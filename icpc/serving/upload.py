"""A picture file that came from a browser: how large it may be, and what is in it."""

import io

import numpy as np

from ..datasets.picture_reading import UnreadablePicture, decode_picture, stored_size
from ..errors import UserError

_BYTES = 4  # of a file for each pixel, our choice: red, green, blue and transparency, not packed


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
    height, width = stored_size(io.BytesIO(content))
    if height * width > megapixels * 1e6:
        raise UserError(
            f'the picture has {width} x {height} = {height * width / 1e6:.1f} megapixels; the most '
            f'here is {megapixels:g}: make it smaller, or start the server with a larger --max-size'
        )
    try:
        if not height and content:  # what Pillow cannot measure could be of any size
            raise UnreadablePicture('not a picture, or of a format that the page does not know')
        pixels = decode_picture(content)
    except UnreadablePicture as error:
        raise UserError(f'the picture cannot be read: {error}') from error
    return np.ascontiguousarray(pixels[..., ::-1])
