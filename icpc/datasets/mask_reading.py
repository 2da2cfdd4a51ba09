"""Reads a dataset's masks alone, as its pipeline does."""

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from mmcv.transforms import BaseTransform, LoadAnnotations
from mmseg.datasets.transforms import LoadAnnotations as CutsTo8Bit
from PIL import Image
from torch.utils.data import Dataset

CUT = (
    'the mask has ids above 255, which LoadAnnotations cuts to 8 bit; set '
    "annotations='LoadWideAnnotations'"
)

Step = TypeVar('Step', bound=BaseTransform)


def annotation_loader(dataset: Dataset) -> LoadAnnotations | None:
    """The step that loads annotations, also inside test-time augmentation; None without one."""
    return find_step(dataset, LoadAnnotations)


def find_step(dataset: Dataset, kind: type[Step]) -> Step | None:
    """The first step of a kind in a dataset's pipeline, also inside test-time augmentation.

    Args:
        dataset: A dataset.
        kind: The class of the step, or one that it derives from.
    """
    return _find(getattr(getattr(dataset, 'pipeline', None), 'transforms', ()), kind)


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


def lost_values(path: str, load: LoadAnnotations) -> str:
    """What a reader of masks would change without a word; empty if nothing.

    MMSegmentation's cuts every value to 8 bits, so that 256 becomes 0; fractions are no ids at all.

    Args:
        path: The path of the mask.
        load: Of :func:`annotation_loader`.
    """
    with Image.open(path) as mask:
        if mask.mode[:1] not in ('I', 'F'):
            return ''
        values = np.array(mask)
    if values.dtype.kind == 'f' and (values != np.floor(values)).any():
        return 'the mask holds fractions, expected class ids'
    narrow = isinstance(load, CutsTo8Bit) and ((values < 0) | (values > 255)).any()
    return CUT if narrow else ''


def _find(steps: Iterable[Any], kind: type[Step]) -> Step | None:
    for step in steps:
        if isinstance(step, kind):
            return step
        for branch in getattr(step, 'subroutines', ()):  # of TestTimeAug
            found = _find(branch.transforms, kind)
            if found is not None:
                return found
    return None
