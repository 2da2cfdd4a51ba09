"""Masks with more than 255 classes."""

from typing import Any

import mmcv
from mmcv.transforms import LoadAnnotations as MMCVLoadAnnotations
from mmengine import fileio
from mmseg.registry import TRANSFORMS

from ..errors import UserError


@TRANSFORMS.register_module()
class LoadWideAnnotations(MMCVLoadAnnotations):
    """Reads a mask as it is, 8 or 16 bit; MMSegmentation's own reader cuts ids to 8 bit.

    Ids are 0-based training ids; the dataset's ``ignore_index`` (65535) marks what does not count.
    """

    def __init__(self) -> None:
        super().__init__(with_bbox=False, with_label=False, with_seg=True, with_keypoints=False)

    def _load_seg_map(self, results: dict[str, Any]) -> None:
        path = results['seg_map_path']
        if results.get('reduce_zero_label'):
            raise UserError(
                f'{path}: LoadWideAnnotations reads training ids that count from 0; set '
                'reduce_zero_label=False on the dataset'
            )
        labels = mmcv.imfrombytes(fileio.get(path), flag='unchanged', backend='pillow')
        results['gt_seg_map'] = labels
        results['seg_fields'].append('gt_seg_map')
