"""Reads a dataset's masks alone, as its pipeline does."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from mmcv.transforms import LoadAnnotations
from torch.utils.data import Dataset


def annotation_loader(dataset: Dataset) -> LoadAnnotations | None:
    """The step that loads annotations, also inside test-time augmentation; None without one."""
    return _find(getattr(getattr(dataset, 'pipeline', None), 'transforms', ()))


def read_labels(dataset: Dataset, index: int, load: LoadAnnotations) -> np.ndarray:
    """The labels of one picture at its mask's size on disk.

    Args:
        dataset: A segmentation dataset.
        index: The index of the picture.
        load: Of :func:`annotation_loader`.

    Returns:
        (H, W) class ids and the dataset's ``ignore_index``.
    """
    return load(dict(dataset.get_data_info(index), seg_fields=[]))['gt_seg_map']


def _find(steps: Iterable[Any]) -> LoadAnnotations | None:
    for step in steps:
        if isinstance(step, LoadAnnotations):
            return step
        for branch in getattr(step, 'subroutines', ()):  # of TestTimeAug
            found = _find(branch.transforms)
            if found is not None:
                return found
    return None
