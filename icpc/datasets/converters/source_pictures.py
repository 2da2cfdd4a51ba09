"""Pictures as training would see them, in a file of another kind. On bytes, as masks are."""

import cv2
import numpy as np

from ...errors import UserError
from ..picture_reading import UnreadablePicture, decode_picture


def pixels_of(content: bytes) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a picture's file.

    Raises:
        UserError: It cannot be read; without the file's name.
    """
    try:
        return np.ascontiguousarray(decode_picture(content)[..., ::-1])
    except UnreadablePicture as error:
        raise UserError(f'the picture cannot be read: {error}') from error


def to_png(content: bytes) -> bytes:
    """The picture as a PNG of 8 bits a channel, upright."""
    return cv2.imencode('.png', pixels_of(content)[..., ::-1])[1].tobytes()
