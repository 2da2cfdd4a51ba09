"""A config's test pipeline for pictures from anywhere: the same reader, the same steps."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmengine.registry import DefaultScope
from mmseg.registry import TRANSFORMS
from PIL import Image

from ..datasets.named_readers import LoadNamedPicture
from ..datasets.named_steps import NamedSteps
from ..datasets.picture_reading import UnreadablePicture, decode_picture, load_picture
from ..errors import UserError, refusing
from .rgb_pictures import rgb_of


class Prepared(NamedTuple):
    """A picture ready for the network.

    Attributes:
        name: Its path, or its place such as `picture 3`.
        image: (H, W, 3) uint8 RGB, as it was read.
        inputs: (3, h, w), as the test pipeline gives it.
        sample: The data sample with its metainfo.
    """

    name: str
    image: np.ndarray
    inputs: Any
    sample: Any


class Preparation:
    """Reads pictures and takes them through the steps of a test pipeline.

    Args:
        steps: The config's `test_pipeline`; what loads labels is left out.

    Raises:
        UserError: A pipeline that does not begin with a reader of picture files, or cannot be
            built.
    """

    def __init__(self, steps: Sequence[dict[str, Any]]) -> None:
        with refusing('test_pipeline'), DefaultScope.overwrite_default_scope('mmseg'):
            built = [TRANSFORMS.build(dict(step)) for step in steps]
        built = [step for step in built if not isinstance(step, LoadAnnotations)]
        if not built or not isinstance(built[0], LoadImageFromFile):
            raise UserError('test_pipeline does not begin with LoadImageFromFile; let it')
        self._load, self._steps = built[0], NamedSteps(built[1:])

    def __call__(self, picture: Any, name: str) -> Prepared:
        """Read and prepare one picture.

        Args:
            picture: A path, or what :func:`icpc.inference.rgb_pictures.rgb_of` takes.
            name: What an error calls it.

        Raises:
            UserError: It cannot be read; with its name.
        """
        if isinstance(picture, (str, Path)):
            pixels, image = self._of_file(str(picture))
        else:
            image = rgb_of(picture, name)
            pixels = self._of_memory(image)
        pixels = pixels.astype(np.float32) if self._load.to_float32 else pixels
        shape = pixels.shape[:2]
        results = dict(
            img=pixels, img_path=name, img_shape=shape, ori_shape=shape, seg_fields=[], sample_idx=0
        )
        results = self._steps(results)
        if results is None:
            raise UserError(f'{name}: a step of test_pipeline gives nothing for this picture')
        return Prepared(name, image, results['inputs'], results['data_samples'])

    def _of_file(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """What the pipeline's reader gives, and the picture to draw on."""
        try:
            pixels = load_picture(path, self._load)
            plain = pixels.dtype == np.uint8 and self._load.color_type.startswith('color')
            shown = pixels if plain else load_picture(path, LoadNamedPicture())
        except UnreadablePicture as error:
            raise UserError(f'{path}: the picture cannot be read: {error}') from error
        return pixels, np.ascontiguousarray(shown[..., ::-1])

    def _of_memory(self, image: np.ndarray) -> np.ndarray:
        if self._load.color_type.startswith('color'):
            return np.ascontiguousarray(image[..., ::-1])
        file = io.BytesIO()
        Image.fromarray(image).save(file, 'PNG', compress_level=1)
        return decode_picture(file.getvalue(), self._load)
