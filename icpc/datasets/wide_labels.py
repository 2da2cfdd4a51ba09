"""Masks with more than 255 classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmcv.transforms import LoadAnnotations as MMCVLoadAnnotations
from mmengine import fileio
from mmseg.registry import TRANSFORMS

from ..errors import UserError
from .mask_reading import decode_labels
from .picture_reading import naming


@TRANSFORMS.register_module()
class LoadWideAnnotations(MMCVLoadAnnotations):
    """Reads a mask as it is, 8 or 16 bit; MMSegmentation's own reader cuts ids to 8 bit.

    Ids are 0-based; the dataset's ``ignore_index`` (65535) marks what does not count. Where the
    dataset chooses classes, its ``label_map`` replaces the ids of all its classes at once. Pictures
    without a mask, as MMSegmentation's inference gives them, stay without labels.
    """

    def __init__(self) -> None:
        super().__init__(with_bbox=False, with_label=False, with_seg=True, with_keypoints=False)

    def _load_seg_map(self, results: dict[str, Any]) -> None:
        if 'seg_map_path' not in results:
            return
        path = results['seg_map_path']
        if results.get('reduce_zero_label'):
            raise UserError(
                f'{path}: LoadWideAnnotations reads training ids that count from 0; set '
                'reduce_zero_label=False on the dataset'
            )
        with naming(path, 'mask'):
            labels = decode_labels(fileio.get(path))
        if results.get('label_map') is not None:
            labels = replace_ids(labels, results['label_map'])
        results['gt_seg_map'] = labels
        results['seg_fields'].append('gt_seg_map')


def replace_ids(labels: np.ndarray, label_map: Mapping[int, int]) -> np.ndarray:
    """New ids for those in ``label_map``; all others stay, so that a strange one is still found.

    Args:
        labels: (H, W) ids, at least 0.
        label_map: Old id -> new id.

    Returns:
        (H, W), 16 bit unless a strange id needs more.
    """
    highest = max(int(labels.max(initial=0)), *label_map, *label_map.values())
    table = np.arange(highest + 1, dtype=np.uint16 if highest < 2**16 else np.int32)
    table[list(label_map)] = list(label_map.values())
    return table[labels]
