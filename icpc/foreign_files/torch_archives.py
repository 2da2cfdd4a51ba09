"""Looks at an archive of torch.save before torch reads it.

`torch.load(weights_only=True)` runs nothing, and believes what is declared: it unpacks what is
compressed, and takes memory behind the end of a storage for its numbers.
"""

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

_SMALL, _GROWTH = 2**26, 10  # bytes that may always be; times; our choice

DTYPES = {
    'DoubleStorage': torch.float64,
    'FloatStorage': torch.float32,
    'HalfStorage': torch.float16,
    'BFloat16Storage': torch.bfloat16,
    'LongStorage': torch.int64,
    'IntStorage': torch.int32,
    'ShortStorage': torch.int16,
    'CharStorage': torch.int8,
    'ByteStorage': torch.uint8,
    'BoolStorage': torch.bool,
    'ComplexFloatStorage': torch.complex64,
    'ComplexDoubleStorage': torch.complex128,
    'UntypedStorage': torch.uint8,
}


def check_archive(path: Path) -> None:
    """Raise for a torch archive that is not as torch writes it; other files pass.

    Raises:
        ValueError: A file in it is compressed, or damaged, or a storage has another length than is
            declared.
        pickle.UnpicklingError: It cannot be told what it declares.
        zipfile.BadZipFile: It is damaged.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f'{info.filename} is compressed, which torch never does')
        part = archive.testzip()  # torch.load does not compare the checksums
        if part is not None:
            raise ValueError(f'the checksum of {part} is wrong')
        for name in archive.namelist():
            if re.fullmatch(r'[^/]+/data\.pkl', name):
                _check_storages(archive, name)


def _check_storages(archive: zipfile.ZipFile, name: str) -> None:
    try:
        _Declared(archive, name).load()
    except (_WrongLength, pickle.UnpicklingError):
        raise
    except Exception as error:  # no pickle that torch would have written
        raise pickle.UnpicklingError(f'{type(error).__name__}: {error}') from error


class _WrongLength(ValueError):
    """A storage is shorter or longer than it says."""


def bytes_of(value: Any) -> int:
    """Bytes of all tensors inside."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(bytes_of, value.values()))
    return sum(map(bytes_of, value)) if isinstance(value, (list, tuple)) else 0


def check_growth(value: Any, path: Path) -> None:
    """Raise where tensors are many times as large as their file: one number can stand for all.

    Raises:
        ValueError: With both sizes.
    """
    size, packed = bytes_of(value), path.stat().st_size
    if size > _SMALL and size > _GROWTH * packed:
        raise ValueError(f'tensors of {size:,} bytes in a file of {packed:,}')


class _Anything:
    """Stands for every class and function that a pickle names; it does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> '_Anything':
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def _ignore(self, *_: Any) -> None:
        pass

    append = extend = add = __setitem__ = _ignore


class _Declared(pickle.Unpickler):
    """Compares the storages that a pickle declares with those that the archive holds."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        super().__init__(io.BytesIO(archive.read(name)), encoding='utf-8')
        self.archive, self.folder = archive, name.removesuffix('data.pkl')

    def find_class(self, module: str, name: str) -> Any:
        """Types of storages; else what does nothing."""
        if module.startswith('torch') and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ('collections', 'OrderedDict'):
            return OrderedDict
        return _Anything

    def persistent_load(self, place: Any) -> _Anything:
        """Raise unless a storage is as long as it says."""
        kind, dtype, key, _, count = place
        size = self.archive.getinfo(f'{self.folder}data/{key}').file_size
        if not isinstance(dtype, torch.dtype) or count * dtype.itemsize != size:
            raise _WrongLength(f'{count} numbers of {kind} {key} in {size} bytes')
        return _Anything()
