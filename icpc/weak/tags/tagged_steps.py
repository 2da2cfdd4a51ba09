"""Steps of a pipeline for pictures that are classified, as CLIMS has them."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image

from ...errors import UserError


@TRANSFORMS.register_module()
class RandomLongSide(BaseTransform):
    """Resizes a picture so that its longer side is a random whole number, bicubic, as CLIMS does.

    Args:
        smallest: the least length in pixels.
        largest: the greatest.
    """

    def __init__(self, smallest: int = 320, largest: int = 640) -> None:
        if not 0 < smallest <= largest:
            raise UserError(
                f'RandomLongSide: smallest must be from 1 to largest, got {smallest}, {largest}'
            )
        self.smallest, self.largest = smallest, largest

    def transform(self, results: dict) -> dict:
        """Results with ``img`` (H, W, 3) resized."""
        side = np.random.randint(self.smallest, self.largest + 1)
        height, width = results['img'].shape[:2]
        scale = side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        resized = Image.fromarray(results['img']).resize(size, Image.Resampling.BICUBIC)
        results['img'] = np.asarray(resized)
        results['img_shape'] = results['img'].shape[:2]
        results['scale_factor'] = size[0] / width, size[1] / height
        return results


@TRANSFORMS.register_module()
class CropAtRandomPlace(BaseTransform):
    """A square crop; a picture that is smaller lies at a random place, on ``pad``, as in CLIMS.

    Args:
        size: side in pixels.
        pad: blue, green, red around the picture, 0..255; ImageNet's mean becomes zeros once it is
            normalised, up to half a grey level.
        label: id around the mask, where there is one.
    """

    def __init__(
        self, size: int = 512, pad: tuple[int, ...] = (104, 116, 124), label: int = 255
    ) -> None:
        if size < 1:
            raise UserError(f'CropAtRandomPlace: size must be at least 1, got {size}')
        self.size, self.pad, self.label = size, tuple(pad), label

    def transform(self, results: dict) -> dict:
        """Results with ``img`` (size, size, 3), and ``gt_seg_map`` (size, size) where it is."""
        shape = results['img'].shape[:2]
        source, target = zip(*(self._along(side) for side in shape), strict=True)
        for key, around in (('img', self.pad), ('gt_seg_map', self.label)):
            if key in results:
                whole = results[key]
                # A mask of few ids has 8 bits, where what does not count may be 65535.
                kind = np.promote_types(whole.dtype, np.min_scalar_type(np.max(around)))
                crop = np.empty((self.size, self.size, *whole.shape[2:]), kind)
                crop[:] = around
                crop[target] = whole[source]
                results[key] = crop
        results['img_shape'] = self.size, self.size
        return results

    def _along(self, side: int) -> tuple[slice, slice]:
        """Where in the picture, and where in the crop, along one side."""
        length, room = min(side, self.size), abs(side - self.size)
        start = np.random.randint(room + 1)
        moved, kept = slice(start, start + length), slice(0, length)
        return (moved, kept) if side > self.size else (kept, moved)
