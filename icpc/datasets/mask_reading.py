"""The one reader of masks, and a dataset's masks read alone, as its pipeline does."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from mmcv.transforms import BaseTransform, LoadAnnotations
from mmseg.datasets.transforms import LoadAnnotations as CutsTo8Bit
from torch.utils.data import Dataset

from ..errors import UserError
from ..foreign_files.open_picture import open_picture

CUT = (
    'the mask has ids above 255, which LoadAnnotations cuts to 8 bit; set '
    "annotations='LoadWideAnnotations'"
)

Step = TypeVar('Step', bound=BaseTransform)


class MaskFault(UserError):
    """A mask that holds no class ids; the message is the reason, without the file's name."""


class ColouredMask(MaskFault):
    """A mask with colour channels.

    Attributes:
        shape: (H, W, channels).
    """

    def __init__(self, mode: str, shape: tuple[int, ...]) -> None:
        super().__init__(
            f'a mask of mode {mode}, expected one channel of class ids; it was saved as a coloured '
            'picture, or belongs to another edition (the full ADE20K)'
        )
        self.shape = shape


def decode_labels(content: bytes) -> np.ndarray:
    """The ids of a mask file: grey of any depth, or the numbers of a palette, as they are stored.

    Args:
        content: Of the file.

    Returns:
        (H, W) whole numbers from 0 on.

    Raises:
        MaskFault: Colour channels or transparency beside the ids, fractions, negative numbers.
    """
    try:
        with open_picture(io.BytesIO(content)) as mask:
            mode, labels = mask.mode, np.array(mask)
    except ValueError as error:  # of some of Pillow's decoders
        raise MaskFault(f'{error}') from error
    if labels.ndim != 2:
        raise ColouredMask(mode, labels.shape)
    if labels.dtype.kind == 'f':
        if (labels != np.floor(labels)).any():
            raise MaskFault('the mask holds fractions, expected class ids')
        labels = labels.astype(np.int64)
    if labels.dtype.kind == 'i' and labels.min(initial=0) < 0:
        raise MaskFault('the mask holds negative numbers, expected class ids')
    if labels.dtype == bool:
        return labels.astype(np.uint8)
    return labels.astype(labels.dtype.newbyteorder('='), copy=False)


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
    """What a reader of masks of one's own would change without a word; empty if nothing.

    MMSegmentation's, from which it may derive, cuts every value to 8 bits, so that 256 becomes 0.

    Args:
        path: The path of the mask.
        load: Of :func:`annotation_loader`.
    """
    with open_picture(path) as mask:
        if mask.mode[:1] not in ('I', 'F'):
            return ''
    try:
        labels = decode_labels(Path(path).read_bytes())
    except MaskFault as fault:
        return str(fault)
    return CUT if isinstance(load, CutsTo8Bit) and labels.max(initial=0) > 255 else ''


def _find(steps: Iterable[Any], kind: type[Step]) -> Step | None:
    for step in steps:
        if isinstance(step, kind):
            return step
        for branch in getattr(step, 'subroutines', ()):  # of TestTimeAug
            found = _find(branch.transforms, kind)
            if found is not None:
                return found
    return None
