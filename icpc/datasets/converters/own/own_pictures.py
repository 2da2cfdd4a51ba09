"""Your own pictures, looked at before anything is written: can they be read, and do masks fit."""

import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from ....errors import UserError
from ....foreign_files.open_picture import open_picture
from ...checks.inspection import OTHER_SIZES, SIZES, TURNED
from ...picture_reading import fingerprint_of
from ..source_pictures import pixels_of
from ..sources import Source
from ..writing import convert_content
from .own_splits import Key

_AT_ONCE = 64  # pairs that are in memory together
_NAMED = 5
Look = tuple[str, str, bool]  # fingerprint of the pixels, misfit or '', whether turning explains it


def look_at_pictures(source: Source, pairs: Mapping[Key, tuple[str, str]]) -> dict[Key, str]:
    """Decode all pictures.

    Args:
        source: Holds pictures and masks.
        pairs: Key -> picture, mask.

    Returns:
        Key -> a fingerprint that two pictures share where every pixel is the same.

    Raises:
        UserError: A picture that cannot be read, or masks of other sizes.
    """
    from rich.progress import track

    keys, looks = list(pairs), []
    starts = range(0, len(keys), _AT_ONCE)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in track(starts, 'looking at the pictures', disable=len(starts) < 4):
            paths = [pairs[key] for key in keys[start : start + _AT_ONCE]]
            contents = [tuple(map(source.read, pair)) for pair in paths]
            looks += pool.map(_look, paths, contents)
    misfits = [(text, turned) for _, text, turned in looks if text]
    if misfits:
        named = '; '.join(text for text, _ in misfits[:_NAMED])
        cause = TURNED if all(turned for _, turned in misfits) else OTHER_SIZES
        raise UserError(
            f'{SIZES} (height x width) in {len(misfits)} of {len(looks)} pairs{cause}: {named}'
        )
    return {key: mark for key, (mark, _, _) in zip(keys, looks, strict=True)}


def _look(paths: tuple[str, str], contents: tuple[bytes, bytes]) -> Look:
    pixels = convert_content(paths[0], contents[0], pixels_of)
    size = convert_content(paths[1], contents[1], _size)
    mark = fingerprint_of(pixels)
    if size == pixels.shape[:2]:
        return mark, '', False
    seen, there = (' x '.join(map(str, shape)) for shape in (pixels.shape[:2], size))
    turned = size == pixels.shape[1::-1] and convert_content(paths[0], contents[0], _size) == size
    return mark, f'{paths[1]} is {there}, its picture {paths[0]} {seen}', turned


def _size(content: bytes) -> tuple[int, int]:
    """(height, width) as it is stored."""
    with open_picture(io.BytesIO(content)) as picture:
        return picture.size[::-1]
