"""Reads a dataset's pictures alone, as its pipeline does: turned by EXIF, scaled to 8 bits."""

import struct
import zlib
from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset

from ..errors import UserError
from .mask_reading import find_step

_ORIENTATION = 274  # EXIF's tag; 1 is upright
# Modes of at most 8 bits a channel: every reader gives them the size of the header.
_PLAIN = {'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'CMYK', 'YCbCr'}


# What OpenCV, Pillow and mmcv raise on a file; any other error is no fault of the file.
READ_ERRORS = (OSError, SyntaxError, EOFError, AssertionError, cv2.error, struct.error, zlib.error)
READ_ERRORS += (Image.DecompressionBombError,)


class UnreadablePicture(ValueError):
    """A picture that the pipeline cannot read; the message is the reason, without the name."""


def picture_loader(dataset: Dataset) -> LoadImageFromFile | None:
    """The step that loads pictures; None in a pipeline that has a way of its own."""
    return find_step(dataset, LoadImageFromFile)


def load_picture(path: str, load: LoadImageFromFile) -> np.ndarray:
    """The pixels that the pipeline sees.

    Args:
        path: The path of the picture.
        load: Of :func:`picture_loader`.

    Returns:
        (H, W, 3), BGR with mmcv's own readers.

    Raises:
        UnreadablePicture: Says why.
    """
    mode = _header(path)[0]
    refuse_clipping(path, load)
    try:
        if not mode:  # of a format that OpenCV alone reads
            pixels = mmcv.imread(path, flag='unchanged')
            if pixels is None or pixels.dtype.kind == 'f':
                raise UnreadablePicture(_reason(path, mode if pixels is None else 'F'))
        return load({'img_path': path})['img']
    except UnreadablePicture:
        raise
    except UserError as error:  # of the readers below, which name the file too
        raise UnreadablePicture(why_unreadable(path)) from error
    except READ_ERRORS as error:
        raise UnreadablePicture(why_unreadable(path)) from error


def refuse_clipping(path: str, load: LoadImageFromFile) -> None:
    """Raise when the reader would clip a picture of more than 8 bits.

    Args:
        path: The path of the picture.
        load: Of :func:`picture_loader`.

    Raises:
        UnreadablePicture: OpenCV scales 16 bits to 8, Pillow clips them.
    """
    mode = _header(path)[0] if load.imdecode_backend == 'pillow' else ''
    if mode[:1] in ('I', 'F'):
        raise UnreadablePicture(
            f"mode {mode} has more than 8 bits, which imdecode_backend='pillow' clips to white; "
            "leave imdecode_backend='cv2' on LoadImageFromFile, or save the picture with 8 bits"
        )


def why_unreadable(path: str) -> str:
    """The reason why a reader failed on a picture, without its name."""
    return _reason(path, _header(path)[0])


def loaded_size(path: str, load: LoadImageFromFile) -> tuple[int, int]:
    """(height, width) that the pipeline sees; from the header where that is enough.

    Args:
        path: The path of the picture.
        load: Of :func:`picture_loader`.

    Raises:
        UnreadablePicture: Says why.
    """
    mode, size, upright = _header(path)
    return size if upright and mode in _PLAIN else load_picture(path, load).shape[:2]


def stored_size(path: str) -> tuple[int, int]:
    """(height, width) as the file stores it, before any turning; zeros where Pillow cannot tell."""
    return _header(path)[1]


def is_turned(path: str, load: LoadImageFromFile) -> bool:
    """Whether the pipeline turns or mirrors a picture, as its EXIF orientation says.

    Args:
        path: The path of the picture.
        load: Of :func:`picture_loader`.
    """
    heeds = load.imdecode_backend in ('cv2', 'pillow') and load.color_type in ('color', 'grayscale')
    mode, _, upright = _header(path)
    return heeds and bool(mode) and not upright


def _header(path: str) -> tuple[str, tuple[int, int], bool]:
    """Pillow's mode, (height, width) as stored, and whether it is upright; mode '' if unknown."""
    try:
        with Image.open(path) as picture:
            mode, size = picture.mode, picture.size[::-1]
            if picture.format == 'PNG' and b'eXIf' not in Path(path).read_bytes():
                return mode, size, True  # Pillow would decode all to find that there is none
            turn = picture.getexif().get(_ORIENTATION, 1)
            if picture.format == 'TIFF' and turn in range(5, 9):
                size = size[::-1]  # Pillow gives a TIFF's size after turning it
            # OpenCV and Pillow leave a picture as it is where the tag holds another number.
            return mode, size, turn not in range(2, 9)
    except Exception:  # the pipeline's reader may still know the format, and says what is wrong
        return '', (0, 0), False


def _reason(path: str, mode: str) -> str:
    if not Path(path).exists():
        return 'no such file'
    if Path(path).stat().st_size == 0:
        return 'the file is empty'
    if mode[:1] in ('I', 'F'):
        return (
            f'{"32 bit" if mode[:1] == "I" else "floating point"} values (mode {mode}) have no '
            'white of their own; save it with 8 or 16 bits a channel'
        )
    try:
        with Image.open(path) as picture:
            picture.load()
    except UnidentifiedImageError:
        return 'not a picture, or of a format that the reader does not know'
    except Exception as error:
        return str(error)
    return f'mode {mode}, which the reader does not know; save it as 8-bit RGB'
