"""Looks at all pairs of a dataset: the ids that its masks hold, and whether pictures fit them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from torch.utils.data import Dataset

from ...errors import UserError, place_of
from ..mask_reading import annotation_loader, lost_values
from ..picture_reading import UnreadablePicture, loaded_size, picture_loader, stored_size


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


def look_at_pairs(dataset: Dataset, workers: int | None = None) -> Iterator[PairLook]:
    """Read every mask, and of the pictures what their size takes.

    Args:
        dataset: A segmentation dataset whose pipeline loads annotations.
        workers: Threads; None for some more than there are cores.

    Yields:
        One look a pair, in the order of the dataset.
    """
    masks, pictures = annotation_loader(dataset), picture_loader(dataset)
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda info: look(info, masks, pictures), infos)


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
    except UserError:
        raise
    except Exception as error:  # readers have no error in common
        if place_of(error) is not None:
            raise  # a mistake in a reader of the user's own
        return PairLook(path, problem=f'{path}: the mask cannot be read: {_reason(path, error)}')
    if lost:
        return PairLook(path, problem=f'{path}: {lost}')
    ids = _ids(mask) if mask.ndim == 2 else ()
    turned = size not in (None, mask.shape[:2]) and stored_size(info['img_path']) == mask.shape[:2]
    return PairLook(path, ids, mask.shape, size, turned)


def _ids(mask: np.ndarray) -> tuple[int, ...]:
    if mask.dtype == np.uint8:  # ten times as fast as sorting
        return tuple(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist())
    return tuple(np.unique(mask).astype(np.int64).tolist())


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return 'no such file'
    if Path(path).stat().st_size == 0:
        return 'the file is empty'
    return str(error).partition(' <_io')[0] or type(error).__name__
