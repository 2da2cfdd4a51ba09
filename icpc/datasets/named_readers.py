"""MMSegmentation's readers of pictures and masks, whose errors name the file and the way out.

They stand in for `LoadImageFromFile` and `LoadAnnotations` under the same names, since OpenCV,
Pillow and mmcv each fail in a way of their own, mostly without the name, and mostly in a process of
a loader. What they read is the same.
"""

from typing import Any

from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from ..errors import UserError
from .picture_reading import READ_ERRORS, UnreadablePicture, refuse_clipping, why_unreadable

_WAY_OUT = (
    'mend or replace it (tools/verify_data.py --full looks at all); a training that had begun goes '
    'on with --resume'
)


@TRANSFORMS.register_module(name='LoadImageFromFile')
class LoadNamedPicture(LoadImageFromFile):
    """Reads a picture as mmcv's does: turned by EXIF, 16 bits scaled to 8, alpha left out.

    Raises:
        UserError: For what cannot be read, or would be clipped; with the file's name.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Add `img`, `img_shape` and `ori_shape`; see `mmcv.transforms.LoadImageFromFile`."""
        path = results['img_path']
        try:
            refuse_clipping(path, self)
            return super().transform(results)
        except UnreadablePicture as error:
            raise _refusal(path, 'picture', str(error)) from error
        except READ_ERRORS as error:
            raise _refusal(path, 'picture', why_unreadable(path)) from error


@TRANSFORMS.register_module(name='LoadAnnotations', force=True)
class LoadNamedAnnotations(LoadAnnotations):
    """Reads a mask as MMSegmentation's does.

    Raises:
        UserError: For what cannot be read, with the file's name.
    """

    def _load_seg_map(self, results: dict[str, Any]) -> None:
        path = results['seg_map_path']
        try:
            super()._load_seg_map(results)
        except READ_ERRORS as error:
            if isinstance(error, AssertionError):
                raise  # two settings of reduce_zero_label
            raise _refusal(path, 'mask', why_unreadable(path)) from error


def _refusal(path: str, what: str, reason: str) -> UserError:
    return UserError(f'{path}: the {what} cannot be read: {reason}; {_WAY_OUT}')
