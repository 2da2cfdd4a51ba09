"""Reads pickles of plain data and numpy arrays without executing anything from the file."""

import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UserError

_DTYPE = re.compile(r'[<>=|]?[biufcSUO]\d*|\?')


class _ArrayClass:
    """Stands for numpy.ndarray, which a pickle only names, so that it cannot be called."""


def _reconstruct(kind: Any, shape: Any, typecode: Any) -> np.ndarray:
    """What numpy writes for every array: an empty one, filled by its __setstate__ afterwards."""
    if kind is not _ArrayClass or tuple(shape) != (0,):
        raise pickle.UnpicklingError('an array that numpy would not have written')
    return np.ndarray((0,), np.dtype('b'))


def _dtype(name: Any, *flags: Any) -> np.dtype:
    if not isinstance(name, str) or not _DTYPE.fullmatch(name) or len(flags) > 2:
        raise pickle.UnpicklingError(f'the array type {name!r}')
    return np.dtype(name)


def _scalar(dtype: Any, content: Any = None) -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not isinstance(content, bytes):
        raise pickle.UnpicklingError('a number that numpy would not have written')
    return np.frombuffer(content, dtype, count=1)[0]


def _frombuffer(buffer: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise pickle.UnpicklingError('an array of objects in a buffer')
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _encode(text: Any, encoding: str = 'latin1') -> bytes:
    """Python 3 writes bytes so into pickles of protocol 2."""
    if not isinstance(text, str) or encoding not in ('latin1', 'latin-1'):
        raise pickle.UnpicklingError(f'bytes in the encoding {encoding!r}')
    return text.encode('latin1')


_MULTIARRAY = ('numpy.core.multiarray', 'numpy._core.multiarray')
_NUMERIC = ('numpy.core.numeric', 'numpy._core.numeric')
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ('numpy', 'ndarray'): _ArrayClass,
    ('numpy', 'dtype'): _dtype,
    ('_codecs', 'encode'): _encode,
    ('collections', 'OrderedDict'): OrderedDict,
    **{(module, '_reconstruct'): _reconstruct for module in _MULTIARRAY},
    **{(module, 'scalar'): _scalar for module in _MULTIARRAY},
    **{(module, '_frombuffer'): _frombuffer for module in _NUMERIC},
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Only the constructors above; nothing is imported on the file's word."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f'{module}.{name}')
        return _ALLOWED[module, name]


def load_plain_pickle(content: bytes, name: str) -> Any:
    """Dicts, lists, strings, numbers and numpy arrays from a pickle.

    Args:
        content: The file.
        name: The name of the file, for messages.

    Raises:
        UserError: When it holds anything else, or is damaged.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding='latin1').load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f'{name}: the pickle holds more than plain data and arrays, or is damaged ({error}); '
            'it is not loaded, since loading could run code from it'
        ) from error
    except Exception as error:  # a damaged pickle fails in any way; nothing of it has been run
        raise UserError(f'{name}: a damaged pickle ({type(error).__name__}: {error})') from error
