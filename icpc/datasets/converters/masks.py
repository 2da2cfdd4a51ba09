"""Masks: mapping of ids, encoding. All on bytes, so that they can run anywhere."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from ...errors import UserError
from ..mask_reading import decode_labels

UNLABELLED = 65535  # of 16-bit masks; 255 of 8-bit ones


def encode_ids(ids: np.ndarray) -> bytes:
    """A PNG of (H, W) uint8 or uint16 ids."""
    buffer = io.BytesIO()
    Image.fromarray(ids).save(buffer, format='PNG')
    return buffer.getvalue()


def map_ids(
    ids: np.ndarray, table: Mapping[int, int], other: int | None, dtype: type = np.uint8
) -> np.ndarray:
    """Replaces every id.

    Args:
        ids: (H, W) integers.
        table: Old id -> new id.
        other: New id of all that the table lacks; None refuses them.
        dtype: The dtype of the result.

    Raises:
        UserError: For an id that the table lacks, with ``other=None``.
    """
    found, inverse = np.unique(ids, return_inverse=True)
    strange = [int(i) for i in found if int(i) not in table]
    if strange and other is None:
        raise UserError(
            f'label id {strange[0]}, which this edition does not have (its ids are '
            f'{min(table)}..{max(table)}); is it another edition?'
        )
    new = np.array([table.get(int(i), other) for i in found], dtype=dtype)
    return new[inverse.reshape(ids.shape)]


def convert_mask(content: bytes, table: Mapping[int, int], other: int | None) -> bytes:
    """A mask file with its ids replaced, 8 bit."""
    return encode_ids(map_ids(decode_labels(content), table, other))
