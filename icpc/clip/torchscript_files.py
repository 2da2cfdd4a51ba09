"""Reads the weights in a TorchScript archive, such as OpenAI's, without running anything in it.

`torch.jit.load` executes what the archive's classes define, `__setstate__` for one. Here its pickle
is read with constructors for modules and tensors alone, and its code only as text, for the names of
parameters and buffers.
"""

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..foreign_files.torch_archives import DTYPES

_LARGEST_PACKED = 2**24  # bytes; the code, not the weights
_LISTS = ('build_intlist', 'build_tensorlist', 'build_doublelist', 'build_boollist')


def torchscript_weights(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers by their names, on the CPU, as `torch.jit.load(...).state_dict()`.

    Args:
        path: The archive.

    Raises:
        pickle.UnpicklingError: It holds anything but modules, tensors and plain values.
        zipfile.BadZipFile: It is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        (data,) = (name for name in archive.namelist() if re.fullmatch(r'[^/]+/data\.pkl', name))
        reader = _Reader(archive, data.removesuffix('data.pkl'))
        root = reader.load()
    if not isinstance(root, _Module):
        raise pickle.UnpicklingError('no module')
    return dict(_named_tensors(root, ''))


class _Module:
    """Attributes of a module of the archive; a pickle fills them in."""

    kept: frozenset[str] | None = None  # names of parameters and buffers; None: every tensor


def _named_tensors(module: _Module, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in vars(module).items():
        if isinstance(value, _Module):
            yield from _named_tensors(value, f'{prefix}{name}.')
        elif isinstance(value, Tensor) and (module.kept is None or name in module.kept):
            yield f'{prefix}{name}', value


class _Reader(pickle.Unpickler):
    """Unpickles one archive.

    Args:
        archive: The archive.
        prefix: The folder inside that holds everything.
    """

    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(io.BytesIO(_content(archive, f'{prefix}data.pkl')))
        self.archive, self.prefix = archive, prefix

    def find_class(self, module: str, name: str) -> Any:
        """Modules become plain objects; of torch only the constructors that archives need."""
        if module.split('.')[0] == '__torch__':
            return type('Module', (_Module,), {'kept': self._kept(module, name)})
        if module == 'torch' and name in DTYPES:
            return DTYPES[name]
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ('torch._utils', '_rebuild_tensor_v2'): _tensor,
            ('collections', 'OrderedDict'): OrderedDict,
            ('torch.jit._pickle', 'restore_type_tag'): lambda value, _: value,
            **{('torch.jit._pickle', kind): list for kind in _LISTS},
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f'{module}.{name}')
        return allowed[module, name]

    def persistent_load(self, place: Any) -> Tensor:
        """The numbers of a storage, one behind the other."""
        kind, dtype, key, _, count = place
        data = _content(self.archive, f'{self.prefix}data/{int(key)}')
        if kind != 'storage' or len(data) != count * dtype.itemsize:
            raise pickle.UnpicklingError(f'a storage of {count} numbers in {len(data)} bytes')
        return torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0).to(dtype)

    def _kept(self, module: str, name: str) -> frozenset[str] | None:
        """Parameters and buffers of a class, as its code in the archive lists them.

        Archives of old versions of torch list no buffers: each of their tensors is one.
        """
        path = f'{self.prefix}code/{module.replace(".", "/")}.py'
        text = _content(self.archive, path).decode() if path in self.archive.namelist() else ''
        lists = r'\s+__parameters__ = \[(.*?)\]\s+__buffers__ = \[(.*?)\]'
        found = re.search(rf'class {re.escape(name)}\(Module\):{lists}', text, re.DOTALL)
        if found is None:
            return None
        return frozenset(re.findall(r'"([^"]+)"', ''.join(found.groups())))


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of the archive; one that would grow when unpacked is refused."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED and info.file_size > _LARGEST_PACKED:
        raise pickle.UnpicklingError(f'{name} is compressed, which torch never does')
    return archive.read(info)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Tensor):
        raise pickle.UnpicklingError('a tensor without numbers')
    return torch.as_strided(storage, tuple(size), tuple(stride), offset)
