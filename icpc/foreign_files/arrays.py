"""Reads `.npz`: plain arrays alone, each as large as the file says and holds."""

import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from .zip_limits import fault_of_size

_DAMAGE = (
    *(ValueError, EOFError, OSError, RuntimeError, NotImplementedError, KeyError, TypeError),
    *(zipfile.BadZipFile, zlib.error, SyntaxError, OverflowError, MemoryError),
)


class NotPlainArrays(Exception):
    """A file that is damaged, holds more than plain arrays, or would take too much memory."""


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a `.npz` by their names.

    Raises:
        NotPlainArrays: With the reason in words.
        OSError: The file cannot be opened.
    """
    path = Path(path)
    with path.open('rb') as file:
        try:
            return _arrays(file, path.stat().st_size)
        except _DAMAGE as error:
            raise NotPlainArrays(str(error) or type(error).__name__) from error


def _arrays(file: IO[bytes], packed: int) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        fault = fault_of_size(archive, packed)
        if fault is not None:
            raise ValueError(fault)
        found = {}
        for info in archive.infolist():
            with archive.open(info) as member:
                _check_shape(member, info.file_size)
            with archive.open(info) as member:
                array = npy.read_array(member, allow_pickle=False)
                if member.read(1):
                    raise ValueError(f'{info.filename} holds more than one array')
            found[info.filename.removesuffix('.npy')] = array
        return found


def _check_shape(member: IO[bytes], size: int) -> None:
    """Raise unless the array that a header declares is the one that follows."""
    version = npy.read_magic(member)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f'version {version} of the format')
    shape, _, dtype = read(member)
    if dtype.hasobject:
        raise ValueError('an array of Python objects, which could run code')
    declared = dtype.itemsize
    for side in shape:
        declared *= side
    if min(shape, default=0) < 0 or declared != size - member.tell():
        raise ValueError(f'an array of shape {shape} in {size:,} bytes')
