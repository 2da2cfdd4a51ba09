"""Reads `.mat` files of labels: what they hold is looked at before it is unpacked."""

import io
import struct
import zlib
from typing import Any

from ..errors import UserError

_HEADER, _COMPRESSED = 128, 15  # bytes before the first variable; the type of a packed one
_LARGEST = 2**28  # bytes of one variable when unpacked; a label map has a million


def read_matlab(content: bytes, **options: Any) -> dict[str, Any]:
    """The variables of a `.mat` file.

    Args:
        content: The file.
        options: Of `scipy.io.loadmat`.

    Raises:
        UserError: When it is damaged, or would take too much memory.
    """
    from scipy.io import loadmat

    try:
        _refuse_bombs(content)
        return loadmat(io.BytesIO(content), **options)
    except Exception as error:  # scipy raises many kinds for damaged files
        raise UserError(f'a damaged .mat file ({type(error).__name__}: {error})') from error


def _refuse_bombs(content: bytes) -> None:
    place = _HEADER
    order = '>' if content[126:128] == b'MI' else '<'
    while place + 8 <= len(content):
        kind, size = struct.unpack_from(f'{order}II', content, place)
        packed = content[place + 8 : place + 8 + size]
        if (
            kind == _COMPRESSED
            and len(zlib.decompressobj().decompress(packed, _LARGEST)) == _LARGEST
        ):
            raise ValueError(f'a variable of more than {_LARGEST:,} bytes')
        place += 8 + size
