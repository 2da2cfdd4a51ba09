"""Class activation maps on disk: the maps of a picture's tags, rounded to 8 bits."""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
from torch import Tensor

from ..errors import UserError
from ..files import Replacing

_LEVELS = 255
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def save_maps(maps: Tensor, path: Path) -> None:
    """Write maps; those that are zero everywhere are left out.

    Args:
        maps: (K, H, W) in 0..1.
        path: A `.npz`.
    """
    kept = maps.amax(dim=(1, 2)).nonzero().flatten()
    values = (maps[kept] * _LEVELS).round().byte().cpu().numpy()
    data = io.BytesIO()
    np.savez_compressed(data, classes=kept.cpu().numpy().astype(np.int32), maps=values)
    path.parent.mkdir(parents=True, exist_ok=True)
    with Replacing(path, data.tell()) as file:
        file.write(data.getvalue())


def load_maps(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The maps of a file.

    Returns:
        (k,) places among the K classes, and (k, H, W) maps in 0..1, float32.
    """
    try:
        with np.load(path) as file:
            return file['classes'], file['maps'].astype(np.float32) / _LEVELS
    except _DAMAGE as error:
        raise UserError(f'{path}: no maps of ours, or cut; remove it, it is made again') from error


def labels_of(
    classes: np.ndarray,
    maps: np.ndarray,
    threshold: float,
    uncertain: float = 0.0,
    ignore: int = 255,
) -> np.ndarray:
    """The class of each pixel: that of the largest map above the threshold, else 0.

    Args:
        classes, maps: Of :func:`load_maps`.
        threshold: Of the background, in 0..1.
        uncertain: Pixels whose largest map is nearer than this to the threshold are ignored.
        ignore: Their id.

    Returns:
        (H, W) ids, 0 the background, 1 + place of a class.
    """
    if not len(classes):
        return np.zeros(maps.shape[1:], np.uint8)
    largest = maps.max(axis=0)
    labels = (classes[maps.argmax(axis=0)] + 1) * (largest > threshold)
    if uncertain:
        labels[np.abs(largest - threshold) < uncertain] = ignore
    return labels.astype(np.uint8 if labels.max() < 256 else np.uint16)
