"""Plain data and arrays are read from pickles; nothing in them is run."""

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from icpc.datasets.safe_pickle import load_plain_pickle
from icpc.errors import UserError

INDEX = dict(
    filename=['a.jpg', 'b.jpg'],
    presence=np.arange(6).reshape(2, 3).astype(np.float64),
    counts=np.array([1, 2], dtype=np.uint8),
    names=np.array(['wall', 'sky'], dtype=object),
    text=np.array(['wall', 'sky']),
    fortran=np.asfortranarray(np.arange(6).reshape(2, 3)),
    number=np.float32(1.5),
    nested=OrderedDict(a=(1, 2.0, None, True, b'x', {3})),
)


@pytest.mark.parametrize('protocol', range(6))
def test_every_protocol(protocol):
    index = {k: v for k, v in INDEX.items() if protocol >= 4 or k != 'nested'}
    loaded = load_plain_pickle(pickle.dumps(index, protocol=protocol), 'x.pkl')
    assert loaded.keys() == index.keys()
    for key in ('presence', 'counts', 'names', 'text', 'fortran'):
        assert loaded[key].dtype == index[key].dtype
        assert np.array_equal(loaded[key], index[key])
    assert loaded['number'] == 1.5
    assert loaded['filename'] == index['filename']
    assert loaded.get('nested') == index.get('nested')


class Runs:
    """A pickle that creates a file when it is loaded by pickle.load."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize('depth', range(3))
def test_code_is_refused_and_not_run(tmp_path, depth):
    mark = tmp_path / 'ran'
    payload = [
        Runs(os.mkdir, str(mark)),
        dict(a=[Runs(exec, f'import os; os.mkdir({str(mark)!r})')]),
        np.array([Runs(eval, f'__import__("os").mkdir({str(mark)!r})')], dtype=object),
    ][depth]
    content = pickle.dumps(payload)
    with pytest.raises(UserError, match='could run code'):
        load_plain_pickle(content, 'x.pkl')
    assert not mark.exists()
    pickle.loads(content)
    assert mark.exists()  # the test itself can tell


@pytest.mark.parametrize(
    'program',
    [
        b'cnumpy\nndarray\n((I1000000000000\ntR.',  # an array of any size
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I1000000000\ntS'b'\ntR.",
        b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.",
        b'cbuiltins\ngetattr\n.',
        b'cnumpy\nload\n.',
        b'cnumpy.core.multiarray\nscalar\n(I1\nI2\ntR.',
        b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
        b'cos\nsystem\n(S"true"\ntR.',
        b'\x80\x04\x8c\x02os\x8c\x06system\x93.',
        b'Pnumber\n.',
    ],
)
def test_programs_that_numpy_would_not_write(program):
    with pytest.raises(UserError):
        load_plain_pickle(program, 'x.pkl')


def test_objects_of_a_class_are_refused():
    with pytest.raises(UserError, match='pathlib'):
        load_plain_pickle(pickle.dumps(Path('x')), 'x.pkl')


def test_truncated_at_any_place():
    content = pickle.dumps(INDEX)
    for end in range(0, len(content) - 1, 7):
        with pytest.raises(UserError):
            load_plain_pickle(content[:end], 'x.pkl')
    assert load_plain_pickle(io.BytesIO(content).read(), 'x.pkl')
