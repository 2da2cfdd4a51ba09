"""Reads the confusion counts that a run wrote."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..errors import UserError

_DAMAGE = (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_confusion(path: Path) -> dict[str, np.ndarray]:
    """Everything in a `confusion.npz`: counts (K, K) of each kind, `class_names`, `split`.

    Args:
        path: The path of the file, which must be there.

    Raises:
        UserError: When it is damaged.
    """
    try:
        with np.load(path) as file:
            return dict(file)
    except _DAMAGE as error:
        raise UserError(
            f'{path}: is cut or damaged ({error}); make it again with tools/train.py --resume, '
            'which evaluates a finished run anew, or leave the run out'
        ) from error
