"""Declared sizes are compared with what is there before memory is taken, and nothing runs."""

import tracemalloc

import crafted_files
import numpy as np
import pytest
import torch
from crafted_files import SIZES, WEIGHTS, npy, npz

from icpc.checkpoints.content import load_checkpoint
from icpc.clip.weights import read_state_dict
from icpc.errors import UserError
from icpc.foreign_files import matlab
from icpc.foreign_files.arrays import NotPlainArrays, read_arrays
from icpc.foreign_files.matlab import read_matlab
from icpc.foreign_files.plain_values import read_values
from icpc.references.published_values import read_reference


@pytest.mark.parametrize('make', [*WEIGHTS, *SIZES], ids=lambda make: make.__name__)
def test_weights(make, tmp_path):
    path = make(tmp_path / 'x.pth', tmp_path / 'it ran')
    tracemalloc.start()
    with pytest.raises(UserError, match=r'x\.pth: (refused|is damaged)'):
        load_checkpoint(path)
    if make is not crafted_files.scripted:  # whose weights can be read, without its code
        with pytest.raises(ValueError, match=r'x\.pth'):
            read_state_dict(path)
    read_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read_peak < 2**25
    assert not (tmp_path / 'it ran').exists()


def test_what_torch_writes_passes(tmp_path):
    shared, half = torch.ones(4, 5), torch.ones(3).half()
    value = {'a': shared, 'b': shared[1:].t(), 'c': half, 'd': torch.tensor([1, 2])}
    value |= {
        'e': torch.nn.Parameter(torch.ones(2)),
        'f': torch.empty(0),
        'g': torch.ones(2).bool(),
    }
    value |= {'h': torch.ones(2, dtype=torch.complex64), 'i': torch.ones(2).to(torch.float8_e4m3fn)}
    torch.save(
        {'state_dict': value, 'more': [1, 'x', {2}, torch.Size([1]), torch.int8]}, tmp_path / 'x'
    )
    found = load_checkpoint(tmp_path / 'x')
    for key, tensor in value.items():
        assert torch.equal(found['state_dict'][key].float(), tensor.float())


BAD_ARRAYS = {
    'shape of 10^12': dict(a=npy('(1000000000000,)', bytes(8))),
    'shape of 10^12 in two': dict(a=npy('(1000000, 1000000)', bytes(8))),
    'negative': dict(a=npy('(-1,)', bytes(8))),
    'short': dict(a=npy('(3,)', bytes(16))),
    'long': dict(a=npy('(1,)', bytes(16))),
    'a program': dict(a=npy('(print(1),)', bytes(8))),
    'objects': dict(a=npy('(1,)', bytes(8), '|O')),
    'no array': dict(a=b'x' * 100),
    'empty': dict(a=b''),
}


@pytest.mark.parametrize('name', BAD_ARRAYS)
def test_arrays(name, tmp_path):
    path = npz(tmp_path / 'x.npz', **BAD_ARRAYS[name])
    with pytest.raises(NotPlainArrays):
        read_arrays(path)
    with pytest.raises(UserError, match=r'x\.npz: refused'):
        read_reference(path)


def test_an_archive_of_arrays_that_grows_a_thousand_times(tmp_path):
    path = npz(tmp_path / 'x.npz', packed=True, a=npy('(10000000,)', bytes(80_000_000)))
    with pytest.raises(NotPlainArrays, match='would grow to'):
        read_arrays(path)


def test_plain_arrays_are_those_of_numpy(tmp_path):
    arrays = dict(
        a=np.eye(3), b=np.array('text'), c=np.arange(4).reshape(2, 2).T, d=np.zeros((0, 2))
    )
    np.savez_compressed(tmp_path / 'x.npz', **arrays)
    found = read_arrays(tmp_path / 'x.npz')
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[key], value) for key, value in arrays.items())


def test_matlab_files(monkeypatch):
    monkeypatch.setattr(matlab, '_LARGEST', 2**22)
    for content in (crafted_files.matlab_bomb(), b'', b'x' * 200):
        with pytest.raises(UserError, match=r'a damaged \.mat file'):
            read_matlab(content)


@pytest.mark.parametrize(
    'text',
    [
        "x = open('it ran', 'w')",
        'import os',
        'x = [open][0]',
        'x = {**dict(a=1)}',
        'x = dict(**{})',
        'x = 1\nx += 1',
        'a = b = 1',
        "dict(x='a')",
        'x = f"{1}"',
        'x = (',
        'x = ' + '-' * 9000 + '1',
    ],
    ids=range(11),
)
def test_a_config_that_is_a_program_is_not_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(text)
    with pytest.raises(UserError, match=r'config\.py'):
        read_values(tmp_path / 'config.py')
    assert not (tmp_path / 'it ran').exists()


def test_values_are_those_of_python(tmp_path):
    text = "a = dict(b=[1, -2.5, None], c=('x', dict(d={})))\n# why\ne = {1: 'x' 'y', 's': True}\n"
    (tmp_path / 'config.py').write_text(text)
    expected = {}
    exec(text, {}, expected)
    assert read_values(tmp_path / 'config.py') == expected
