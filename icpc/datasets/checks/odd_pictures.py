"""The pictures that are most likely to break a run: large, small, narrow, first, last."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmcv.transforms import LoadAnnotations
from PIL import Image
from torch.utils.data import Dataset

from ...foreign_files.open_picture import open_picture
from ..mask_reading import annotation_loader

Size = tuple[int, int]  # height and width in pixels

_BLOCK = 256  # masks read between two looks at what is still missing


@dataclass(frozen=True)
class OddPictures:
    """Places of pictures in a dataset.

    Attributes:
        largest: Most pixels.
        smallest: Fewest pixels.
        narrowest: The longest side for its shorter one.
        typical: The median of all areas.
        sampled: These, the first, the last and some random ones, each once, in order.
        sizes: (height, width) of the smallest and of the largest.
    """

    largest: int
    smallest: int
    narrowest: int
    typical: int
    sampled: tuple[int, ...]
    sizes: tuple[Size, Size]


def picture_sizes(dataset: Dataset, workers: int | None = None) -> list[Size | None]:
    """(height, width) of every picture from its header alone; None where that cannot be read.

    Args:
        dataset: A segmentation dataset.
        workers: Threads; None for some more than there are cores.
    """
    paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(_size, paths, chunksize=64))


def _size(path: str) -> Size | None:
    try:
        with open_picture(path) as picture:
            return picture.size[::-1]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def find_odd_pictures(sizes: list[Size | None], random: int = 100) -> OddPictures:
    """Choose pictures by their sizes; those without one are among the sampled ones.

    Args:
        sizes: Of all pictures, as `picture_sizes` gives them; at least one is known.
        random: How many random pictures to sample besides, the same ones every time.
    """
    known = [index for index, size in enumerate(sizes) if size is not None]
    area = {index: sizes[index][0] * sizes[index][1] for index in known}
    by_area = sorted(known, key=area.get)
    largest, smallest = by_area[-1], by_area[0]
    narrowest = max(known, key=lambda index: max(sizes[index]) / min(sizes[index]))
    unknown = [index for index, size in enumerate(sizes) if size is None]
    count = min(random, len(sizes))
    drawn = np.random.default_rng(0).choice(len(sizes), count, replace=False)
    sampled = {largest, smallest, narrowest, 0, len(sizes) - 1, *map(int, drawn), *unknown[:random]}
    return OddPictures(
        largest,
        smallest,
        narrowest,
        by_area[len(by_area) // 2],
        tuple(sorted(sampled)),
        (sizes[smallest], sizes[largest]),
    )


def absent_classes(
    dataset: Dataset, workers: int | None = None, told: Callable[[int], None] = lambda _: None
) -> list[int]:
    """Classes that no mask of a dataset holds; stops reading when every class has been met.

    Args:
        dataset: A segmentation dataset whose pipeline loads annotations.
        workers: Threads.
        told: Is called with the number of masks read so far.

    Returns:
        Ids in the order of the dataset's classes; masks that cannot be read count as empty.
    """
    classes = len(dataset.metainfo['classes'])
    load = annotation_loader(dataset)
    if load is None:
        return []
    met = np.zeros(classes, dtype=bool)
    order = np.random.default_rng(0).permutation(len(dataset))
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(order), _BLOCK):
            infos = [dataset.get_data_info(int(index)) for index in order[start : start + _BLOCK]]
            for ids in pool.map(lambda info: _ids(load, info, dataset.ignore_index), infos):
                met[ids[(ids >= 0) & (ids < classes)]] = True
            told(start + len(infos))
            if met.all():
                break
    return np.flatnonzero(~met).tolist()


def _ids(load: LoadAnnotations, info: dict[str, Any], ignore_index: int) -> np.ndarray:
    """The ids in one mask as the run reads it."""
    try:
        mask = load(dict(info, seg_fields=[]))['gt_seg_map']
    except Exception:  # what is wrong with a mask is told where masks are inspected
        return np.zeros(0, dtype=np.int64)
    ids = np.unique(mask).astype(np.int64)
    return ids[ids != ignore_index]
