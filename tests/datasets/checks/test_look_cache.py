"""A second look reads nothing again but what changed, and never trusts what is old."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets import ADE20KDataset
from PIL import Image

from icpc.datasets.checks import whole_look
from icpc.datasets.checks.look_cache import LookCache
from icpc.datasets.checks.pair_faults import verify_labels
from icpc.datasets.checks.whole_look import look_at_pairs
from icpc.errors import UserError

PAIRS = 6


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(whole_look, 'KEPT_FROM', PAIRS - 1)
    for index in range(PAIRS):
        save(tmp_path / 'data', f'{index}')
    return tmp_path / 'data'


def save(root: Path, name: str, label: int = 3, size: tuple[int, int] = (6, 8)) -> None:
    for folder in ('images', 'masks'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(root / f'images/{name}.jpg')
    Image.fromarray(np.full(size, label, np.uint8)).save(root / f'masks/{name}.png')


def dataset(root: Path, backend: str = 'cv2', **options: object) -> ADE20KDataset:
    load = dict(type='LoadImageFromFile', imdecode_backend=backend)
    options = dict(data_prefix=dict(img_path='images', seg_map_path='masks')) | options
    pipeline = [load, dict(type='LoadAnnotations')]
    return ADE20KDataset(data_root=str(root), pipeline=pipeline, **options)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the masks that were read."""
    names: list[str] = []
    real = whole_look.look

    def counted(info: dict, *readers: object) -> whole_look.PairLook:
        names.append(Path(info['seg_map_path']).stem)
        return real(info, *readers)

    monkeypatch.setattr(whole_look, 'look', counted)
    return names


def kept(root: Path) -> Path:
    return next(root.glob('.icpc-looked-at-*.json'))


def touch(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


ALL = [str(index) for index in range(PAIRS)]
NAMES = list(ADE20KDataset.METAINFO['classes'])
# what happens between two looks, options of the second, what it reads
ROWS: dict[str, tuple[Callable[[Path], object], dict, list[str]]] = {
    'nothing': (lambda root: None, {}, []),
    'a mask of the same size': (lambda root: touch(root / 'masks/2.png'), {}, ['2']),
    'a picture': (lambda root: touch(root / 'images/4.jpg'), {}, ['4']),
    'a pair is added': (lambda root: save(root, '2b'), {}, ['2b']),
    'a pair is gone': (lambda root: [p.unlink() for p in root.rglob('3.*')], {}, []),
    'what was kept is cut': (lambda root: kept(root).write_text('{"a'), {}, ALL),
    'what was kept is a list': (lambda root: kept(root).write_text('[1]'), {}, ALL),
    'what was kept is gone': (lambda root: kept(root).unlink(), {}, ALL),
    'reduce_zero_label': (lambda root: None, dict(reduce_zero_label=False), ALL),
    'classes': (lambda root: None, dict(metainfo=dict(classes=NAMES[:9])), ALL),
    'their order': (lambda root: None, dict(metainfo=dict(classes=NAMES[::-1])), ALL),
    'the reader of pictures': (lambda root: None, dict(backend='pillow'), ALL),
}


@pytest.mark.parametrize('what', ROWS)
def test_what_is_read_again(root, read, what):
    change, options, expected = ROWS[what]
    first = look_at_pairs(dataset(root))
    assert sorted(read) == ALL
    change(root)
    read.clear()
    data = dataset(root, **options)
    second = look_at_pairs(data)
    assert sorted(read) == expected
    assert [Path(look.path).stem for look in second] == sorted(
        path.stem for path in (root / 'masks').iterdir()
    )
    if what == 'nothing':
        assert second == first
    read.clear()
    assert look_at_pairs(data) == second
    assert read == []


def test_a_fault_is_told_again_and_gone_once_mended(root, read):
    save(root, '1', label=200)
    save(root, '5', size=(9, 8))
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(root / 'images/5.jpg')
    for _ in range(2):
        with pytest.raises(UserError, match='different sizes .* in 1 of 6 pairs'):
            verify_labels(dataset(root))
    save(root, '5')
    for _ in range(2):
        with pytest.raises(UserError, match=r'1\.png: label id 199'):
            verify_labels(dataset(root))
    save(root, '1')
    verify_labels(dataset(root))
    assert sorted(read) == sorted([*ALL, '5', '1'])


def test_what_could_not_be_read_is_tried_again(root, read):
    (root / 'masks/2.png').write_bytes(b'')
    for _ in range(2):
        read.clear()
        with pytest.raises(UserError, match=r'2\.png: the mask cannot be read: the file is empty'):
            verify_labels(dataset(root))
    assert read == ['2']


@pytest.mark.parametrize('beside', ['writable', 'not writable', 'among the pictures'])
def test_where_it_is_kept(root, read, tmp_path, beside):
    options = {}
    if beside == 'among the pictures':
        options['data_prefix'] = dict(img_path='.', seg_map_path='../masks')
        root = root / 'images'
    data = dataset(root, **options)
    places = LookCache(data, *data.pipeline.transforms[::-1]).places
    if beside == 'not writable':
        places[0].mkdir()  # no file can take its place
    look_at_pairs(data)
    read.clear()
    look_at_pairs(dataset(root, **options))
    assert read == []
    own = list((tmp_path / 'cache/icpc/looked-at').glob('*.json'))
    assert len(own) == (beside != 'writable')
    assert sum(path.is_file() for path in root.glob('.*')) == (beside == 'writable')


def test_a_small_dataset_leaves_nothing_behind(root, read, tmp_path, monkeypatch):
    monkeypatch.setattr(whole_look, 'KEPT_FROM', PAIRS + 1)
    for _ in range(2):
        verify_labels(dataset(root))
    assert len(read) == 2 * PAIRS
    assert sorted(path.name for path in root.iterdir()) == ['images', 'masks']
    assert not (tmp_path / 'cache').exists()


def test_without_any_place_all_is_read(root, read, monkeypatch):
    blocked = root.parent / 'a file'
    blocked.write_text('')
    monkeypatch.setenv('XDG_CACHE_HOME', str(blocked))
    data = dataset(root)
    LookCache(data, *data.pipeline.transforms[::-1]).places[0].mkdir()
    assert look_at_pairs(data) == look_at_pairs(data)
    assert len(read) == 2 * PAIRS


def test_masks_that_are_loaded_without_a_folder_of_masks(root):
    with pytest.raises(UserError, match='data_prefix names no seg_map_path'):
        verify_labels(dataset(root, data_prefix=dict(img_path='images')))
