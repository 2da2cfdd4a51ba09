"""Transparent pictures lie on white paper, as a viewer shows them."""

import io

import numpy as np
from PIL import Image, ImageOps

from ..foreign_files.open_picture import open_picture

_WITH_ALPHA = ('LA', 'La', 'PA', 'RGBA', 'RGBa')


def on_white(content: bytes, turn: bool) -> bytes | None:
    """A picture of which some is transparent, laid on white; None of any other picture.

    Readers differ: OpenCV leaves transparency out, so that colours show which nobody sees, and lays
    a TIFF on black; Pillow's in mmcv lays grey pictures on a grey.

    Args:
        content: Of the picture's file.
        turn: Whether to turn it as its EXIF orientation says.

    Returns:
        A bitmap file of 8 bits a channel.

    Raises:
        OSError: The file is cut.
    """
    try:
        picture = open_picture(io.BytesIO(content))
    except Exception:  # of a format that OpenCV alone reads; or the reader says what is wrong
        return None
    with picture:
        if picture.mode not in _WITH_ALPHA and 'transparency' not in picture.info:
            return None
        colours = _sixteen_bits(picture) if picture.mode[:1] == 'I' else picture.convert('RGBA')
        colours = ImageOps.exif_transpose(colours) if turn else colours
    if colours.getchannel('A').getextrema() == (255, 255):
        return None
    paper = Image.new('RGBA', colours.size, 'white')
    paper.alpha_composite(colours)
    buffer = io.BytesIO()
    paper.convert('RGB').save(buffer, format='BMP')
    return buffer.getvalue()


def _sixteen_bits(picture: Image.Image) -> Image.Image:
    """A grey of 16 bits, of which one value is transparent, with 8 bits a channel."""
    values = np.array(picture)
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    alpha = np.where(values == picture.info['transparency'], 0, 255).astype(np.uint8)
    return Image.merge('RGBA', (grey, grey, grey, Image.fromarray(alpha)))
