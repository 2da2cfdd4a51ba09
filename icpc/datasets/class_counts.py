"""How many pixels each class has in a dataset."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import LoadAnnotations
from torch.utils.data import Dataset

from ..errors import UserError


def class_counts(dataset: Dataset, sample: int | None = 2000) -> np.ndarray:
    """Pixels of each class, at the masks' size on disk.

    Args:
        dataset: A segmentation dataset whose pipeline loads annotations.
        sample: Masks read of a larger dataset, evenly spread; None reads all.

    Returns:
        (K,) int64.

    Raises:
        UserError: For a pipeline without annotations.
    """
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    load = next((step for step in steps if isinstance(step, LoadAnnotations)), None)
    if load is None:
        raise UserError(f'{type(dataset).__name__}: a pipeline without LoadAnnotations')
    classes = len(dataset.metainfo['classes'])
    indices = np.arange(len(dataset))
    if sample is not None and len(indices) > sample:
        indices = np.linspace(0, len(indices) - 1, sample).astype(int)
    counts = np.zeros(classes, dtype=np.int64)
    for index in indices:
        info = dataset.get_data_info(int(index))
        mask = load(dict(info, seg_fields=[]))['gt_seg_map']
        labelled = mask[(mask >= 0) & (mask < classes) & (mask != dataset.ignore_index)]
        counts += np.bincount(labelled, minlength=classes)
    return counts
