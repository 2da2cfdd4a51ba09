"""Reads the confusion counts that a run wrote."""

from pathlib import Path

import numpy as np

from ..errors import UserError
from ..foreign_files.arrays import NotPlainArrays, read_arrays
from ..startup.program import name_of


def read_confusion(path: Path) -> dict[str, np.ndarray]:
    """Everything in a `confusion.npz`: counts (K, K) of each kind, `class_names`, `split`.

    Args:
        path: The path of the file, which must be there.

    Raises:
        UserError: When it is damaged.
    """
    try:
        found = read_arrays(path)
        _check(found)
        return found
    except (NotPlainArrays, OSError) as error:
        raise UserError(
            f'{path}: is cut or damaged ({error}); make it again with {name_of("train")} --resume, '
            'which evaluates a finished run anew, or leave the run out'
        ) from error


def _check(found: dict[str, np.ndarray]) -> None:
    """Raise unless there are names, a split, and counts of each kind in their shapes."""
    names = found.get('class_names')
    if names is None or names.ndim != 1 or names.dtype.kind != 'U':
        raise NotPlainArrays('no class names in it')
    for key, value in found.items():
        if key in ('class_names', 'split'):
            continue
        if value.shape != (len(names),) * 2 or value.dtype.kind not in 'iuf':
            raise NotPlainArrays(f'{key} is no table of {len(names)} classes')
