"""ADE20K-Full, 847 classes: from `index_ade20k.pkl` and `_seg.png` to 16-bit masks.

The protocol is MaskFormer's (datasets/prepare_ade20k_full_sem_seg.py): an object's id is
R // 10 * 256 + G of `_seg.png`, pictures with both sides above 512 are resized to a short side of
512, masks by nearest neighbour, everything but the chosen classes is ignored (65535). Its 847
classes are those "present in both train and validation"; the order of our classes is by id.
"""

import io
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ...errors import UserError
from ...foreign_files.open_picture import open_picture
from ..safe_pickle import load_plain_pickle
from .ade20k_names import Category, prompt_names
from .masks import UNLABELLED, encode_ids, map_ids
from .plan import Plan
from .source_pictures import pixels_of
from .sources import Source
from .writing import Job

SHORT_SIDE = 512  # MaskFormer
PUBLISHED = 847
_INDEX = 'index_ade20k.pkl'
_NEEDED = ('filename', 'folder', 'objectnames', 'objectPresence', 'objectIsPart')


def plan(source: Source, table: list[Category] | None = None, expected: int = PUBLISHED) -> Plan:
    """Pictures, 16-bit masks, `classes.txt` (names for prompts) and `classes_full.tsv`.

    Args:
        source: ADE20K_2021_17_01.
        table: Classes given by the user in the order of their training ids; None derives them.
        expected: Number of classes that is right.

    Raises:
        UserError: Also when the derived classes are not that many.
    """
    index = read_index(source)
    if table is None:
        table = derive_classes(index)
        if len(table) != expected:
            raise UserError(
                f'{_INDEX}: {len(table)} object classes are in both training and validation, '
                f'expected {expected}; the published list cannot be derived from this index. Give '
                'it with --table (MaskFormer prepare_ade20k_full_sem_seg.py as it is, or lines '
                '"id<TAB>name")'
            )
    check_ids(source, index)
    ids = {category.id: place for place, category in enumerate(table)}
    jobs = []
    for path, split in pictures(source, index):
        stem = PurePosixPath(path).stem
        jobs.append(Job(f'images/{split}/{stem}.jpg', path, resize_picture))
        mask = path[: -len('.jpg')] + '_seg.png'
        target = f'annotations/{split}/{stem}.png'
        jobs.append(Job(target, mask, partial(convert_mask, table=ids)))
    full = ''.join(f'{i}\t{c.id}\t{c.name}\n' for i, c in enumerate(table))
    names = ''.join(f'{name}\n' for name in prompt_names(table))
    settings = dict(dataset='ade20k-full', classes=[[c.id, c.name] for c in table])
    return Plan(jobs, settings, {'classes.txt': names, 'classes_full.tsv': full})


def read_index(source: Source) -> dict[str, Any]:
    """The index, read without executing anything of it.

    Raises:
        UserError: When it is missing, holds code, or lacks what is needed.
    """
    if not any(path.endswith(_INDEX) for path in source.paths()):
        small = any('/annotations/training/' in f'/{path}' for path in source.paths())
        edition = ' (this is the 150-class edition: use ade20k)' if small else ''
        raise UserError(
            f'--source {source.root}: no {_INDEX}{edition}; expected ADE20K_2021_17_01, it holds '
            f'{source.overview()}'
        )
    path = source.one(_INDEX)
    index = load_plain_pickle(source.read(path), path)
    lacking = [key for key in _NEEDED if not isinstance(index, dict) or key not in index]
    if lacking:
        raise UserError(f'{path}: no {lacking[0]!r} in it; is it the index of ADE20K_2021_17_01?')
    count = len(index['filename'])
    shape = (len(index['objectnames']), count)
    for key in ('objectPresence', 'objectIsPart'):
        index[key] = np.asarray(index[key])
        if index[key].shape != shape:
            raise UserError(f'{path}: {key} has shape {index[key].shape}, expected {shape}')
    if len(index['folder']) != count or not count:
        raise UserError(f'{path}: {count} file names, {len(index["folder"])} folders')
    return index


def split_of(filename: str) -> str:
    """ADE_val_00000001.jpg is for validation, all else for training."""
    parts = filename.split('_')
    return 'validation' if len(parts) > 1 and parts[1] == 'val' else 'training'


def derive_classes(index: dict[str, Any]) -> list[Category]:
    """Objects, not parts of objects, that both splits show; ids count from 1 into the index."""
    as_object = index['objectPresence'] > index['objectIsPart']  # (objects, pictures)
    val = np.array([split_of(name) == 'validation' for name in index['filename']])
    both = as_object[:, val].any(axis=1) & as_object[:, ~val].any(axis=1)
    return [Category(int(i) + 1, str(index['objectnames'][i])) for i in both.nonzero()[0]]


def pictures(source: Source, index: dict[str, Any]) -> list[tuple[str, str]]:
    """(path in the source, split) of every picture of the index that is there.

    Raises:
        UserError: When pictures of the index or their masks are missing.
    """
    paths = source.paths()
    root = source.one(_INDEX)[: -len(_INDEX)]
    above = str(PurePosixPath(root).parent) if root else ''
    known, found, lost = set(paths), [], []
    for folder, name in zip(index['folder'], index['filename'], strict=True):
        # `folder` begins with ADE20K_2021_17_01, which people also give as the source itself.
        inner = str(PurePosixPath(*PurePosixPath(folder).parts[1:]) / name)
        places = (f'{root}{inner}', str(PurePosixPath(above) / folder / name))
        path = next((p for p in places if p in known), None)
        if path is None or path[: -len('.jpg')] + '_seg.png' not in known:
            lost.append(f'{folder}/{name}')
        else:
            found.append((path, split_of(name)))
    if lost:
        raise UserError(
            f'--source {source.root}: {len(lost)} of {len(lost) + len(found)} pictures of the '
            f'index or their _seg.png are missing, among them {lost[0]}; is the download complete?'
        )
    return found


def check_ids(source: Source, index: dict[str, Any], sample: int = 8) -> None:
    """Compares ids in some masks with the objects that the index says are there.

    Raises:
        UserError: When ids count otherwise than from 1 into the index.
    """
    found = pictures(source, index)
    right = total = 0
    for place in np.linspace(0, len(found) - 1, min(sample, len(found))).astype(int):
        mask = found[place][0][: -len('.jpg')] + '_seg.png'
        ids = np.unique(object_ids(source.read(mask)))
        ids = ids[(ids > 0) & (ids <= len(index['objectnames']))]
        right += int((index['objectPresence'][ids - 1, place] > 0).sum())
        total += len(ids)
    if total and right < 0.8 * total:
        raise UserError(
            f'{_INDEX}: of {total} objects in {sample} masks only {right} are where the index '
            'says, so its ids do not count from 1; give the classes with --table'
        )


def object_ids(content: bytes) -> np.ndarray:
    """(H, W) object ids of a `_seg.png`; 0 is unlabelled."""
    with open_picture(io.BytesIO(content)) as picture:
        if picture.mode != 'RGB':
            raise UserError(
                f'a mask of mode {picture.mode}, expected RGB: not from the full ADE20K'
            )
        red, green = np.array(picture)[:, :, :2].astype(np.int32).transpose(2, 0, 1)
    return red // 10 * 256 + green


def convert_mask(content: bytes, table: Mapping[int, int]) -> bytes:
    """A `_seg.png` as 16-bit PNG of training ids."""
    ids = map_ids(object_ids(content), table, UNLABELLED, np.uint16)
    size = _small_size(ids.shape[1], ids.shape[0])
    if size != ids.shape[::-1]:
        ids = cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST)  # as MaskFormer
    return encode_ids(ids)


def resize_picture(content: bytes) -> bytes:
    """The picture as it is, or, where both sides are above 512, resized to a short side of 512."""
    pixels = pixels_of(content)
    size = _small_size(pixels.shape[1], pixels.shape[0])
    if size == pixels.shape[1::-1]:
        return content
    buffer = io.BytesIO()
    small = cv2.resize(pixels, size)  # bilinear, as MaskFormer
    # MaskFormer saves with Pillow's 75; our choice loses less.
    Image.fromarray(small).save(buffer, format='JPEG', quality=95)
    return buffer.getvalue()


def _small_size(width: int, height: int) -> tuple[int, int]:
    short = min(width, height)
    if short <= SHORT_SIDE:
        return width, height
    return round(width / short * SHORT_SIDE), round(height / short * SHORT_SIDE)
