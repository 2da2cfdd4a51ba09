"""verify_data finds each fault of data that a training refuses, and no other."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmcv.transforms import LoadAnnotations
from mmengine.config import Config
from mmseg.registry import DATASETS, TRANSFORMS
from PIL import Image

from icpc.commands.verify_data import verify
from icpc.config.load import load_config
from icpc.datasets.checks.pair_faults import verify_labels
from icpc.datasets.checks.verification import check_data
from icpc.errors import UserError

CONFIG = Path(__file__).parents[3] / 'configs/icpc/icpc_rn50_fpn_80k_folder-512.py'
SIZE = (40, 56)
Change = Callable[[Path], object]


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture(scope='module')
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('sound')
    rng = np.random.default_rng(0)
    for split in ('training', 'validation'):
        for name in 'abc':
            picture = rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
            save(root / f'images/{split}/{name}.jpg', picture, quality=90)
            ids = rng.integers(0, 3, SIZE).astype(np.uint16)
            save(root / f'annotations/{split}/{name}.png', ids)
    (root / 'classes.txt').write_text('cat\ndog\nsky\n')
    return root


PICTURE, MASK = 'images/training/b.jpg', 'annotations/training/b.png'


def cut(path: str, share: float) -> Change:
    def change(root: Path) -> None:
        content = (root / path).read_bytes()
        (root / path).write_bytes(content[: int(len(content) * share)])

    return change


def spoilt(path: str) -> Change:
    """Bytes in the middle of a file are others, as a bad disk leaves them."""

    def change(root: Path) -> None:
        content = bytearray((root / path).read_bytes())
        middle = len(content) // 2
        content[middle : middle + 16] = bytes(16)
        (root / path).write_bytes(content)

    return change


def as_png_named_jpg(change: Change) -> Change:
    def both(root: Path) -> None:
        picture = Image.open(root / PICTURE)
        picture.load()
        picture.save(root / PICTURE, 'PNG')
        change(root)

    return both


def put(path: str, pixels: np.ndarray, **options: object) -> Change:
    return lambda root: save(root / path, pixels, **options)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


def colour(*size: int) -> np.ndarray:
    return np.full((*size, 3), 9, np.uint8)


def ids(value: int, kind: type = np.uint16, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full(size, value, kind)


# what is done to a sound tree; overrides; a word of the message
FAULTS: dict[str, tuple[Change, dict, str]] = {
    'no mask': (lambda root: (root / MASK).unlink(), {}, 'have no mask'),
    'no folder': (lambda root: shutil.rmtree(root / 'images/training'), {}, 'no such folder'),
    'no class list': (lambda root: (root / 'classes.txt').unlink(), {}, 'no such names file'),
    'empty picture': (lambda root: (root / PICTURE).write_bytes(b''), {}, 'the file is empty'),
    'text for a picture': (lambda root: (root / PICTURE).write_bytes(b'x'), {}, 'not a picture'),
    'picture cut early': (cut(PICTURE, 0.3), {}, 'cut'),
    'picture cut late': (cut(PICTURE, 0.95), {}, 'cut'),
    'picture cut before its end': (lambda root: cut(PICTURE, 0.999)(root), {}, 'cut'),
    'a cut PNG': (as_png_named_jpg(cut(PICTURE, 0.6)), {}, 'truncated'),
    'a spoilt PNG': (as_png_named_jpg(spoilt(PICTURE)), {}, 'the picture cannot be read'),
    'empty mask': (lambda root: (root / MASK).write_bytes(b''), {}, 'mask cannot be read'),
    'cut mask': (cut(MASK, 0.6), {}, 'mask cannot be read'),
    'spoilt mask': (spoilt(MASK), {}, 'mask cannot be read'),
    'coloured mask': (put(MASK, colour(*SIZE)), {}, 'expected one channel'),
    'other size': (put(MASK, ids(1, size=(20, 56))), {}, 'different sizes'),
    'turned': (put(PICTURE, colour(*SIZE), exif=turned()), {}, 'turned by its EXIF orientation'),
    'strange id': (put(MASK, ids(7)), {}, 'label id 7'),
    'id just above': (put(MASK, ids(3)), {}, 'label id 3'),
    '255 of 8 bits': (put(MASK, ids(255, np.uint8)), {}, 'label id 255'),
    'cut to 8 bits': (put(MASK, ids(256)), {'annotations': 'LoadAnnotations'}, 'cuts to 8 bit'),
    'all is void': (
        lambda root: [put(f'annotations/training/{n}.png', ids(65535))(root) for n in 'abc'],
        {},
        'ignored',
    ),
    'not chosen': (
        lambda root: [put(f'annotations/training/{n}.png', ids(0))(root) for n in 'abc'],
        {'classes': ['sky', 'dog']},
        '',
    ),
    'too many asked for': (lambda root: None, {'train_images': 4}, '4 pictures are asked for'),
    'training pictures in the validation': (
        lambda root: None,
        {
            'val_dataloader.dataset.data_prefix.img_path': 'images/training',
            'val_dataloader.dataset.data_prefix.seg_map_path': 'annotations/training',
        },
        'in the training split too',
    ),
    'another suffix': (
        lambda root: (root / PICTURE).rename(root / 'images/training/b.JPG'),
        {},
        'left out',
    ),
    'a loop': (
        lambda root: os.symlink(root / 'images', root / 'images/training/up'),
        {},
        'leads back',
    ),
    'a list with a blank line': (
        lambda root: (root / 'list.txt').write_text('a\n\nb\n'),
        {'train_dataloader.dataset.ann_file': 'list.txt'},
        'line 2 is blank',
    ),
    'a list with a mark': (
        lambda root: (root / 'list.txt').write_text('a\nb\n', 'utf-8-sig'),
        {'train_dataloader.dataset.ann_file': 'list.txt'},
        'byte order mark',
    ),
    'a list in Latin-1': (
        lambda root: (root / 'list.txt').write_text('a\nä\n', 'latin-1'),
        {'train_dataloader.dataset.ann_file': 'list.txt'},
        'line 2 is not in UTF-8',
    ),
    'a list of other names': (
        lambda root: (root / 'list.txt').write_text('a\nx\n'),
        {'train_dataloader.dataset.ann_file': 'list.txt'},
        'have no file',
    ),
}


def trailing(root: Path) -> None:
    (root / PICTURE).write_bytes((root / PICTURE).read_bytes() + b'camera' * 50)


SOUND: dict[str, tuple[Change, dict]] = {
    'as it is': (lambda root: None, {}),
    'no picture': (lambda root: (root / PICTURE).unlink(), {}),
    'some of the pictures': (lambda root: None, {'train_images': 3}),
    'some of the classes': (lambda root: None, {'classes': ['sky', 'cat']}),
    'turned, with a mask of what is seen': (
        lambda root: [
            put(PICTURE, colour(*SIZE), exif=turned())(root),
            put(MASK, ids(1, size=SIZE[::-1]))(root),
        ],
        {},
    ),
    'one mask of void alone': (put(MASK, ids(65535)), {}),
    '8 bits': (put(MASK, ids(2, np.uint8)), {}),
    'one bit': (put(MASK, ids(1) == 1), {}),
    'grey': (put(PICTURE, colour(*SIZE)[..., 0]), {}),
    'more behind the end': (trailing, {}),
    'a spoilt JPEG that readers decode': (spoilt(PICTURE), {}),
    'hidden files': (
        lambda root: [
            (root / f'images/training/{n}').write_bytes(b'x') for n in ('._a.jpg', '.x.jpg')
        ],
        {},
    ),
    'a linked folder': (
        lambda root: [
            shutil.move(root / f'{kind}/training', root / f'{kind}-elsewhere') and
            os.symlink(root / f'{kind}-elsewhere', root / f'{kind}/training')
            for kind in ('images', 'annotations')
        ],
        {},
    ),
    'a linked folder below': (
        lambda root: [
            shutil.copytree(root / f'{kind}/training', root / f'{kind}-elsewhere') and
            os.symlink(root / f'{kind}-elsewhere', root / f'{kind}/training/more')
            for kind in ('images', 'annotations')
        ],
        {},
    ),
    'a list with spaces in names': (
        lambda root: [
            (root / 'list.txt').write_bytes(b'a\r\nb b\r\n'),
            shutil.copy(root / PICTURE, root / 'images/training/b b.jpg'),
            shutil.copy(root / MASK, root / 'annotations/training/b b.png'),
        ],
        {'train_dataloader.dataset.ann_file': 'list.txt'},
    ),
}  # fmt: skip


def trains(cfg: Config) -> str:
    """What a training says: before it begins, and then at each picture that it reads."""
    try:
        check_data(cfg)
        for split in ('train', 'val'):
            data = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
            verify_labels(data)
            for index in range(len(data)):
                data[index]
    except UserError as error:
        return str(error)
    return ''


def verifies(options: dict, out: Path, capsys: pytest.CaptureFixture) -> str:
    try:
        verify(str(CONFIG), options, str(out))
    except UserError as error:
        return f'{error} {capsys.readouterr().out}'
    return ''


def both(sound: Path, tmp_path: Path, change: Change, more: dict, capsys) -> tuple[str, str]:
    root = tmp_path / 'data'
    shutil.copytree(sound, root)
    change(root)
    options = {'data_root': str(root), 'crop_size': 32, **more}
    try:
        trained = trains(load_config(CONFIG, options))
    except UserError as error:  # of the config, such as a missing list of classes
        with pytest.raises(UserError, match='.') as caught:
            verify(str(CONFIG), options, str(tmp_path / 'out'))
        return str(error), str(caught.value)
    return trained, verifies(options, tmp_path / 'out', capsys)


@pytest.mark.parametrize('fault', FAULTS)
def test_both_refuse(sound, tmp_path, capsys, fault):
    change, more, word = FAULTS[fault]
    trained, verified = both(sound, tmp_path, change, more, capsys)
    assert word in trained, trained
    assert word in ' '.join(verified.split()), verified
    assert trained
    assert verified
    assert 'Traceback' not in verified


@pytest.mark.parametrize('what', SOUND)
def test_both_accept(sound, tmp_path, capsys, what):
    change, more = SOUND[what]
    assert both(sound, tmp_path, change, more, capsys) == ('', '')


class Painted(LoadAnnotations):
    """A reader of one's own: red is the first class, all else the second."""

    def __init__(self) -> None:
        super().__init__(with_bbox=False, with_label=False, with_seg=True)

    def _load_seg_map(self, results: dict) -> None:
        painted = np.array(Image.open(results['seg_map_path']).convert('RGB'))
        results['gt_seg_map'] = (painted[..., 0] < 128).astype(np.uint8)
        results['seg_fields'].append('gt_seg_map')


def test_masks_of_a_reader_of_ones_own(sound, tmp_path, capsys):
    def paint(root: Path) -> None:
        for path in (root / 'annotations').rglob('*.png'):
            save(path, colour(*SIZE))

    TRANSFORMS.register_module(module=Painted)
    try:
        found = both(sound, tmp_path, paint, {'annotations': 'Painted'}, capsys)
    finally:
        TRANSFORMS.module_dict.pop('Painted')
    assert found == ('', '')


# what is done to a sound tree; what is said of it
NOTES: dict[str, tuple[Change, str]] = {
    'no picture': (lambda root: (root / PICTURE).unlink(), '1 masks have no picture .* out: b'),
    'the same file in both splits': (
        lambda root: shutil.copy(root / PICTURE, root / 'images/validation/c.jpg'),
        '1 pictures are, pixel for pixel, in the training split .*: c.jpg = b.jpg',
    ),
    'the same pixels in both splits': (
        lambda root: Image.open(root / PICTURE).save(root / 'images/validation/c.jpg', 'PNG'),
        '1 pictures are, pixel for pixel, in the training split .*: c.jpg = b.jpg',
    ),
}


@pytest.mark.parametrize('what', NOTES)
def test_notes(sound, tmp_path, capsys, what):
    change, note = NOTES[what]
    assert both(sound, tmp_path, change, {}, capsys) == ('', '')
    assert re.search(note, ' '.join(capsys.readouterr().out.split()))
