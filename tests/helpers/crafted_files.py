"""Files that run something, take much memory or declare what is not there, if they are believed."""

import io
import pickle
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import nn


class Crafted:
    """Unpickling makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.trace,))


class Writer(nn.Module):
    """A TorchScript archive of it writes a file when torch.jit.load restores it."""

    def __init__(self, marker: str):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.marker = marker

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self):
        return self.weight, self.marker, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, str, bool]):
        self.weight, self.marker, self.training = state[0], state[1], state[2]
        torch.save(self.weight, self.marker)


def pickled(path: Path, trace: Path) -> Path:
    """A checkpoint of torch.save."""
    torch.save({'state_dict': {'x': Crafted(trace)}, 'meta': {'iter': 4}}, path)
    return path


def old_pickled(path: Path, trace: Path) -> Path:
    """The same in torch's format before its archives."""
    torch.save({'x': Crafted(trace)}, path, _use_new_zipfile_serialization=False)
    return path


def bare_pickle(path: Path, trace: Path) -> Path:
    path.write_bytes(pickle.dumps(Crafted(trace)))
    return path


def scripted(path: Path, trace: Path) -> Path:
    """A TorchScript archive."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch.jit is deprecated; the archives are not
        torch.jit.script(Writer(str(trace))).save(str(path))
    trace.unlink(missing_ok=True)
    return path


def rewritten(path: Path, change, packed: bool = False) -> Path:
    """An archive whose files are `change(name, data)`."""
    files = zipfile.ZipFile(path)
    found = {name: files.read(name) for name in files.namelist()}
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, 'w', kind) as out:
        for name, data in found.items():
            out.writestr(name, change(name, data))
    return path


def packed_bomb(path: Path, trace: Path) -> Path:
    """Weights of zeros that were compressed a thousand times."""
    torch.save({'state_dict': {'x': torch.zeros(2_000_000)}, 'meta': {'iter': 4}}, path)
    return rewritten(path, lambda name, data: data, packed=True)


def short_storage(path: Path, trace: Path) -> Path:
    """A storage that declares more numbers than it holds: what is behind it would be read."""
    torch.save({'state_dict': {'x': torch.ones(1000)}, 'meta': {'iter': 4}}, path)
    return rewritten(path, lambda name, data: data[:8] if name.endswith('data/0') else data)


def one_number_for_all(path: Path, trace: Path) -> Path:
    """A tensor of terabytes, all of whose numbers are the same one."""
    many = torch.ones(1).expand(10**12)
    torch.save({'state_dict': {'x': many}, 'meta': {'iter': 4}}, path)
    return path


WEIGHTS = [pickled, old_pickled, bare_pickle, scripted]
SIZES = [packed_bomb, short_storage, one_number_for_all]


def npy(shape: str, data: bytes, dtype: str = '<f8') -> bytes:
    """An array whose header declares a shape."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b' ' * (-(len(header) + 11) % 64) + b'\n'
    return b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header + data


def npz(path: Path, packed: bool = False, **arrays: bytes) -> Path:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED if packed else 0) as file:
        for name, data in arrays.items():
            file.writestr(f'{name}.npy', data)
    return path


def objects(path: Path, trace: Path) -> Path:
    np.savez(path, anything=np.array([Crafted(trace)], dtype=object))
    return path


def matlab_bomb() -> bytes:
    """A `.mat` whose only variable grows from a megabyte to one gigabyte."""
    packer, out = zlib.compressobj(9), io.BytesIO()
    for _ in range(300):
        out.write(packer.compress(bytes(2**20)))
    out.write(packer.flush())
    data = out.getvalue()
    head = b'MATLAB 5.0 MAT-file'.ljust(124) + b'\x00\x01IM'
    return head + (15).to_bytes(4, 'little') + len(data).to_bytes(4, 'little') + data
