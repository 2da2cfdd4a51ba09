"""How many pixels each class has in a dataset."""

import numpy as np
from torch.utils.data import Dataset

from ...errors import UserError
from ..mask_reading import annotation_loader, read_labels


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
    load = annotation_loader(dataset)
    if load is None:
        raise UserError(f'{type(dataset).__name__}: a pipeline without LoadAnnotations')
    classes = len(dataset.metainfo['classes'])
    indices = np.arange(len(dataset))
    if sample is not None and len(indices) > sample:
        indices = np.linspace(0, len(indices) - 1, sample).astype(int)
    counts = np.zeros(classes, dtype=np.int64)
    for index in indices:
        mask = read_labels(dataset, int(index), load)
        labelled = mask[(mask >= 0) & (mask < classes) & (mask != dataset.ignore_index)]
        counts += np.bincount(labelled, minlength=classes)
    return counts
