"""The one reader of pictures: turned by EXIF, scaled to 8 bits, what is transparent on white."""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset

from ..errors import UserError
from ..foreign_files.open_picture import open_picture
from ..startup.program import name_of
from .mask_reading import MaskFault, find_step
from .transparency import on_white

_WAY_OUT = (
    f'mend or replace it ({name_of("verify-data")} finds all such files); a training that had '
    'begun goes on with --resume'
)
_JPEG, _JPEG_END = b'\xff\xd8\xff', b'\xff\xd9'
_TAIL = 4096  # bytes in which the end of a JPEG stands; cameras write something behind it
_ORIENTATION = 274  # EXIF's tag; 1 is upright
# Modes of at most 8 bits a channel: every reader gives them the size of the header.
_PLAIN = {'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'CMYK', 'YCbCr'}


# What OpenCV, Pillow and mmcv raise on a file; any other error is no fault of the file.
READ_ERRORS = (OSError, SyntaxError, EOFError, AssertionError, cv2.error, struct.error, zlib.error)
READ_ERRORS += (Image.DecompressionBombError,)


class UnreadablePicture(ValueError):
    """A picture that the pipeline cannot read; the message is the reason, without the name."""


@contextmanager
def naming(path: str, what: str) -> Iterator[None]:
    """Turn what comes up while a file is read into a `UserError` with name, reason and way out.

    Args:
        path: The path of the file.
        what: `picture` or `mask`.
    """
    try:
        yield
    except (UnreadablePicture, MaskFault) as error:
        reason, cause = str(error), error
    except READ_ERRORS as error:
        reason, cause = why_unreadable(path), error
    else:
        return
    raise UserError(f'{path}: the {what} cannot be read: {reason}; {_WAY_OUT}') from cause


def picture_loader(dataset: Dataset) -> LoadImageFromFile | None:
    """The step that loads pictures; None in a pipeline that has a way of its own."""
    return find_step(dataset, LoadImageFromFile)


def decode_picture(content: bytes, load: LoadImageFromFile | None = None) -> np.ndarray:
    """The pixels of a picture file.

    Args:
        content: Of the file.
        load: Of :func:`picture_loader`; None for the settings of the configs.

    Returns:
        (H, W, 3) uint8 BGR, unless `load` asks for something else.

    Raises:
        UnreadablePicture: Says why. OpenCV scales 16 bits to 8, Pillow would clip them to white;
            some versions of OpenCV paint what lacks of a cut JPEG in grey.
    """
    load = LoadImageFromFile() if load is None else load
    backend = load.imdecode_backend
    try:
        if content.startswith(_JPEG):
            if _is_cut(io.BytesIO(content)):
                raise UnreadablePicture('the file is cut: it ends within the picture')
        else:
            mode = _header(io.BytesIO(content))[0]
            if not mode and mmcv.imfrombytes(content, 'unchanged').dtype.kind == 'f':
                raise UnreadablePicture(
                    _reason(content, 'F')
                )  # of a format that OpenCV alone reads
            if backend == 'pillow' and mode[:1] in ('I', 'F'):
                raise UnreadablePicture(
                    f"mode {mode} has more than 8 bits, which imdecode_backend='pillow' clips to "
                    "white; leave imdecode_backend='cv2' on LoadImageFromFile, or save the picture "
                    'with 8 bits'
                )
            if load.color_type != 'unchanged':  # which gives the transparency itself
                flat = on_white(content, heeds_orientation(load))
                content, backend = (content, backend) if flat is None else (flat, 'cv2')
        pixels = mmcv.imfrombytes(content, flag=load.color_type, backend=backend)
    except (AttributeError, *READ_ERRORS) as error:  # mmcv's on the None that OpenCV gives
        raise UnreadablePicture(_reason(content)) from error
    if pixels is None:
        raise UnreadablePicture(_reason(content))
    return pixels


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
    try:
        return load({'img_path': path})['img']
    except UserError as error:  # of `naming`
        cause = error.__cause__
        known = isinstance(cause, UnreadablePicture)
        raise UnreadablePicture(str(cause) if known else why_unreadable(path)) from error
    except READ_ERRORS as error:
        raise UnreadablePicture(why_unreadable(path)) from error


def fingerprint_of(pixels: np.ndarray) -> str:
    """A number in hexadecimal digits that pictures share only where every pixel is the same.

    Args:
        pixels: (H, W, C).
    """
    shape = repr((pixels.shape, pixels.dtype.str)).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(pixels).tobytes()).hexdigest()[:32]


def why_unreadable(path: str) -> str:
    """The reason why a reader failed on a picture or mask, without its name."""
    if not Path(path).exists():
        return 'no such file'
    try:
        return _reason(Path(path).read_bytes())
    except OSError as error:
        return error.strerror or str(error)


def loaded_size(path: str, load: LoadImageFromFile) -> tuple[int, int]:
    """(height, width) that the pipeline sees; from the header where that is enough.

    Args:
        path: The path of the picture.
        load: Of :func:`picture_loader`.

    Raises:
        UnreadablePicture: Says why; of most pictures only where the file has no whole header or,
            as a JPEG, no end.
    """
    mode, size, upright = _header(path)
    if not upright or mode not in _PLAIN:
        return load_picture(path, load).shape[:2]
    with open(path, 'rb') as file:
        if _is_cut(file):
            raise UnreadablePicture('the file is cut: it ends within the picture')
    return size


def stored_size(path: str) -> tuple[int, int]:
    """(height, width) as the file stores it, before any turning; zeros where Pillow cannot tell."""
    return _header(path)[1]


def is_turned(path: str, load: LoadImageFromFile) -> bool:
    """Whether the pipeline turns or mirrors a picture, as its EXIF orientation says.

    Args:
        path: The path of the picture.
        load: Of :func:`picture_loader`.
    """
    mode, _, upright = _header(path)
    return heeds_orientation(load) and bool(mode) and not upright


def heeds_orientation(load: LoadImageFromFile) -> bool:
    """Whether a step that loads pictures turns them as their EXIF orientation says."""
    return load.imdecode_backend in ('cv2', 'pillow') and load.color_type in ('color', 'grayscale')


def _is_cut(file: io.BufferedIOBase) -> bool:
    """Whether a JPEG ends before its end; readers see it of other formats themselves."""
    if file.read(3) != _JPEG:
        return False
    file.seek(-min(_TAIL, file.seek(0, io.SEEK_END)), io.SEEK_END)
    if _JPEG_END in file.read():
        return False
    file.seek(0)
    try:
        with open_picture(file) as picture:
            picture.load()
    except Exception:
        return True
    return False


def _header(file: str | io.BytesIO) -> tuple[str, tuple[int, int], bool]:
    """Pillow's mode, (height, width) as stored, and whether it is upright; mode '' if unknown."""
    try:
        with open_picture(file) as picture:
            mode, size = picture.mode, picture.size[::-1]
            if picture.format == 'PNG':
                content = file.getvalue() if isinstance(file, io.BytesIO) else _content(file)
                if b'eXIf' not in content:
                    return mode, size, True  # Pillow would decode all to find that there is none
            turn = picture.getexif().get(_ORIENTATION, 1)
            if picture.format == 'TIFF' and turn in range(5, 9):
                size = size[::-1]  # Pillow gives a TIFF's size after turning it
            # OpenCV and Pillow leave a picture as it is where the tag holds another number.
            return mode, size, turn not in range(2, 9)
    except Exception:  # the pipeline's reader may still know the format, and says what is wrong
        return '', (0, 0), False


def _content(path: str) -> bytes:
    return Path(path).read_bytes()


def _reason(content: bytes, mode: str = '') -> str:
    if not content:
        return 'the file is empty'
    mode = mode or _header(io.BytesIO(content))[0]
    if mode[:1] in ('I', 'F'):
        return (
            f'{"32 bit" if mode[:1] == "I" else "floating point"} values (mode {mode}) have no '
            'white of their own; save it with 8 or 16 bits a channel'
        )
    try:
        with open_picture(io.BytesIO(content)) as picture:
            picture.load()
    except UnidentifiedImageError:
        return 'not a picture, or of a format that the reader does not know'
    except Exception as error:
        return str(error)
    return f'mode {mode}, which the reader does not know; save it as 8-bit RGB'
