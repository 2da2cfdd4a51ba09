"""Pillow's way to open pictures, without the formats for which it starts another program."""

from functools import cache
from os import PathLike
from typing import BinaryIO

from PIL import Image

_PROGRAMS = {'EPS'}  # PostScript, for which Pillow runs Ghostscript


def open_picture(file: str | PathLike | BinaryIO) -> Image.Image:
    """`PIL.Image.open` of all formats but those that are programs.

    Raises:
        PIL.UnidentifiedImageError: Not a picture, or of such a format.
    """
    return Image.open(file, formats=_formats())


@cache
def _formats() -> list[str]:
    Image.preinit()  # the usual formats are tried first
    Image.init()
    return [name for name in Image.OPEN if name not in _PROGRAMS]
