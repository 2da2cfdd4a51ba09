"""Looks at all pairs of a dataset: the ids that its masks hold, and whether pictures fit them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import Dataset

from ...console.messages import console, say
from ...errors import UserError
from ..mask_reading import ColouredMask, MaskFault, annotation_loader, lost_values
from ..picture_reading import (
    READ_ERRORS,
    UnreadablePicture,
    loaded_size,
    picture_loader,
    stored_size,
    why_unreadable,
)
from .look_cache import LookCache

KEPT_FROM = 500  # pairs; fewer are read in a second, and leave no file beside the data
_MANY = 1000  # fewer are read in a few seconds, and need no bar


@dataclass(frozen=True)
class PairLook:
    """What one mask and its picture are, as the pipeline loads them.

    Attributes:
        path: The mask's.
        ids: Sorted ids of the mask.
        shape: (H, W) of the mask; three numbers for one that is no map of ids, which has no ids.
        picture: (height, width) of the picture; None where the pipeline has a reader of its own.
        turned: Whether the mask fits the picture only as the file stores it, before it is turned.
        problem: Why one of the two cannot be read; empty where both can.
    """

    path: str
    ids: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    picture: tuple[int, int] | None = None
    turned: bool = False
    problem: str = ''

    @property
    def fits(self) -> bool:
        """Whether mask and picture have one size."""
        return self.picture is None or self.picture == self.shape[:2]


def look_at_pairs(dataset: Dataset, workers: int | None = None) -> list[PairLook]:
    """Read every mask, and of the pictures what their size takes, unless that is known already.

    What is seen of a large dataset is kept (see `LookCache`); a bar shows how far a long look is.

    Args:
        dataset: A segmentation dataset whose pipeline loads annotations.
        workers: Threads; None for some more than there are cores.

    Returns:
        One look a pair, in the order of the dataset.

    Raises:
        UserError: For a dataset without masks.
    """
    masks, pictures = annotation_loader(dataset), picture_loader(dataset)
    cache = LookCache(dataset, *(one for one in (masks, pictures) if one is not None))
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    if infos and 'seg_map_path' not in infos[0]:
        raise UserError(
            f'{type(dataset).__name__}: its pipeline loads annotations, but data_prefix names no '
            "seg_map_path; add it, or take LoadAnnotations out of the split's pipeline"
        )
    stamps, looks, unknown = [], [], []
    for place, info in enumerate(infos):
        stamp, known = cache.get(info)
        stamps.append(stamp)
        looks.append(None if known is None else _remembered(info, known))
        if known is None:
            unknown.append(place)
    try:
        with _bar(len(unknown)) as advance, ThreadPoolExecutor(workers) as pool:
            new = pool.map(lambda place: look(infos[place], masks, pictures), unknown)
            for place, seen in zip(unknown, new, strict=True):
                looks[place] = seen
                advance()
                if stamps[place] is not None and not seen.problem:  # it may be readable later
                    kept = [seen.ids, seen.shape, seen.picture, seen.turned]
                    cache.put(infos[place], stamps[place], kept)
    finally:  # also what was seen until an interrupt
        if len(infos) >= KEPT_FROM:
            cache.save()
    return looks


def _remembered(info: dict[str, Any], known: list) -> PairLook:
    ids, shape, picture, turned = known
    size = None if picture is None else tuple(picture)
    return PairLook(info['seg_map_path'], tuple(ids), tuple(shape), size, turned)


@contextmanager
def _bar(count: int) -> Iterator[Callable[[], None]]:
    """Give what advances a bar by one pair."""
    if count < _MANY:
        yield lambda: None
        return
    say(f'looking at {count} masks that are new or have changed; a next start skips them')
    columns = TextColumn('masks'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console(), disable=not console().is_terminal) as bar:
        task = bar.add_task('masks', total=count)
        yield lambda: bar.advance(task)


def look(
    info: dict[str, Any], masks: LoadAnnotations, pictures: LoadImageFromFile | None
) -> PairLook:
    """Read one pair.

    Args:
        info: Of the dataset's `get_data_info`.
        masks: The pipeline's reader of masks.
        pictures: The pipeline's reader of pictures; None leaves them out.
    """
    path = info['seg_map_path']
    try:
        size = None if pictures is None else loaded_size(info['img_path'], pictures)
    except UnreadablePicture as error:
        return PairLook(path, problem=f'{info["img_path"]}: the picture cannot be read: {error}')
    try:
        mask = masks(dict(info, seg_fields=[]))['gt_seg_map']
        lost = lost_values(path, masks)
    except UserError as error:
        if isinstance(error.__cause__, ColouredMask):
            return PairLook(path, shape=error.__cause__.shape)
        if isinstance(error.__cause__, MaskFault):
            return PairLook(path, problem=f'{path}: {error.__cause__}')
        if not isinstance(error.__cause__, READ_ERRORS):
            raise  # a setting that does not fit
        return PairLook(path, problem=f'{path}: the mask cannot be read: {why_unreadable(path)}')
    except AssertionError:
        raise  # two settings of reduce_zero_label
    except READ_ERRORS:
        return PairLook(path, problem=f'{path}: the mask cannot be read: {why_unreadable(path)}')
    if lost:
        return PairLook(path, problem=f'{path}: {lost}')
    ids = _ids(mask) if mask.ndim == 2 else ()
    turned = size not in (None, mask.shape[:2]) and stored_size(info['img_path']) == mask.shape[:2]
    return PairLook(path, ids, mask.shape, size, turned)


def _ids(mask: np.ndarray) -> tuple[int, ...]:
    if mask.dtype == np.uint8:  # ten times as fast as sorting
        return tuple(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist())
    return tuple(np.unique(mask).astype(np.int64).tolist())
