"""MMSegmentation's readers of pictures and masks, whose errors name the file and the way out.

They stand in for `LoadImageFromFile` and `LoadAnnotations` under the same names, since OpenCV,
Pillow and mmcv each fail in a way of their own, mostly without the name, and mostly in a process of
a loader. What they read is the same, but for what is transparent, which lies on white.
"""

from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from ..errors import UserError
from .mask_reading import CUT, ColouredMask, MaskFault, decode_labels
from .picture_reading import decode_picture, naming
from .wide_labels import replace_ids


@TRANSFORMS.register_module(name='LoadImageFromFile')
class LoadNamedPicture(LoadImageFromFile):
    """Reads a picture as mmcv's does: turned by EXIF, 16 bits scaled to 8; transparency is white.

    Raises:
        UserError: For what cannot be read, or would be clipped; with the file's name.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Add `img`, `img_shape` and `ori_shape`; see `mmcv.transforms.LoadImageFromFile`."""
        path = results['img_path']
        try:
            with naming(path, 'picture'):
                pixels = decode_picture(fileio.get(path, backend_args=self.backend_args), self)
        except UserError:
            if self.ignore_empty:
                return None
            raise
        results['img'] = pixels.astype(np.float32) if self.to_float32 else pixels
        results['img_shape'] = results['ori_shape'] = pixels.shape[:2]
        return results


@TRANSFORMS.register_module(name='LoadAnnotations', force=True)
class LoadNamedAnnotations(LoadAnnotations):
    """Reads a mask as MMSegmentation's does, but cuts no id to 8 bits.

    Raises:
        UserError: For what cannot be read, or holds other than ids up to 255; with the file's name.
    """

    def _load_seg_map(self, results: dict[str, Any]) -> None:
        with naming(results['seg_map_path'], 'mask'):
            if self.imdecode_backend != 'pillow':
                super()._load_seg_map(results)
                shape = results['gt_seg_map'].shape
                if len(shape) != 2:
                    raise ColouredMask(f'{len(shape)} x', shape)
                return
            content = fileio.get(results['seg_map_path'], backend_args=self.backend_args)
            labels = decode_labels(content)
            if labels.max(initial=0) > 255:
                raise MaskFault(CUT)
        labels = labels.astype(np.uint8)
        if self.reduce_zero_label is None:
            self.reduce_zero_label = results['reduce_zero_label']
        if self.reduce_zero_label != results['reduce_zero_label']:
            raise UserError(
                f'LoadAnnotations has reduce_zero_label={self.reduce_zero_label}, its dataset '
                f'{results["reduce_zero_label"]}; set it on the dataset alone'
            )
        if self.reduce_zero_label:  # 0 and 255 become 255, all others count from 0
            labels = np.where(labels == 0, 255, labels - (labels < 255)).astype(np.uint8)
        if results.get('label_map') is not None:
            labels = replace_ids(labels, results['label_map'])
            if labels.max(initial=0) > 255:
                raise UserError(
                    f'LoadAnnotations holds ids up to 255, not {labels.max()}; set '
                    "annotations='LoadWideAnnotations'"
                )
            labels = labels.astype(np.uint8)
        results['gt_seg_map'] = labels
        results['seg_fields'].append('gt_seg_map')
