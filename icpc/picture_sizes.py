"""Batches of pictures of sizes that a network does not take: they are padded, or go in groups."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.models import SegDataPreProcessor
from mmseg.models.segmentors import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import UserError
from .tracing.exporting import is_exporting

Step = Callable[[dict[str, Any]], list[Any]]


def padded_size(size: Sequence[int], divisor: int) -> tuple[int, int]:
    """The least multiple of ``divisor`` that is not below (H, W), for each side.

    Args:
        size: (H, W) in pixels.
        divisor: a backbone's ``size_divisor``.
    """
    return -(-size[0] // divisor) * divisor, -(-size[1] // divisor) * divisor


def pad_images(images: Tensor, divisor: int) -> Tensor:
    """Pads pictures (B, 3, H, W) with zeros at the right and at the bottom to :func:`padded_size`.

    Args:
        images: normalised, so that zero is CLIP's mean colour.
        divisor: a backbone's ``size_divisor``.
    """
    return _pad(images, padded_size(images.shape[2:], divisor), 0)


def pad_samples(
    samples: Sequence[SegDataSample], divisor: int, ignore_index: int
) -> list[SegDataSample]:
    """The samples with all label maps padded as their pictures; padding counts in no loss.

    Args:
        samples: with ``gt_sem_seg`` (1, H, W); edges and other maps of that size are padded too.
        divisor: a backbone's ``size_divisor``.
        ignore_index: label of pixels that do not count.

    Returns:
        The same samples where nothing is to be padded, otherwise new ones with the same metainfo.
    """
    samples = list(samples)
    sizes = [sample.gt_sem_seg.data.shape[-2:] for sample in samples]
    wanted = [padded_size(size, divisor) for size in sizes]
    if all(tuple(size) == new for size, new in zip(sizes, wanted, strict=True)):
        return samples
    padded = []
    for sample, size, new in zip(samples, sizes, wanted, strict=True):
        copy = sample.new()
        for name, field in sample.items():
            if isinstance(field, PixelData) and 'data' in field and field.shape == tuple(size):
                copy.set_field(PixelData(data=_pad(field.data, new, ignore_index)), name)
        padded.append(copy)
    return padded


def _pad(values: Tensor, size: Sequence[int], value: int) -> Tensor:
    """Pads (..., h, w) at the right and at the bottom to ``size`` (H, W)."""
    height, width = values.shape[-2:]
    if not is_exporting() and (height, width) == tuple(size):
        return values
    return F.pad(values, (0, size[1] - width, 0, size[0] - height), value=value)


@MODELS.register_module(name='SegDataPreProcessor', force=True)
class FittingPreProcessor(SegDataPreProcessor):
    """MMSegmentation's, which names the picture that is larger than what a batch is padded to.

    Raises:
        UserError: Pictures of a training that have several sizes although they are padded.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """A batch, padded and normalised; see `mmseg.models.SegDataPreProcessor`."""
        if training and self.size is not None and isinstance(data['inputs'], list):
            sizes = [
                tuple(max(one) for one in zip(self.size, picture.shape[1:], strict=True))
                for picture in data['inputs']
            ]
            place = next((i for i, size in enumerate(sizes) if size != tuple(self.size)), None)
            if len(set(sizes)) > 1:
                height, width = data['inputs'][place].shape[1:]
                name = data['data_samples'][place].get('img_path', 'a picture')
                raise UserError(
                    f'{name}: {height} x {width} after the '
                    f'pipeline, but a batch is padded to {self.size[0]} x {self.size[1]} '
                    '(model.data_preprocessor.size); crop in train_pipeline (RandomCrop), or set '
                    'a larger size'
                )
        return super().forward(data, training)


def in_groups(step: Step, data: dict[str, Any]) -> list[Any]:
    """The samples of a batch, those of one size predicted together.

    Args:
        step: Predicts for a batch whose pictures have one size.
        data: `inputs` and `data_samples` as they come from a loader.
    """
    if not isinstance(data['inputs'], list):
        return step(data)
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, picture in enumerate(data['inputs']):
        groups.setdefault(tuple(picture.shape), []).append(place)
    found: dict[int, Any] = {}
    for places in groups.values():
        part = {key: [values[place] for place in places] for key, values in data.items()}
        found |= zip(places, step(part), strict=True)
    return [found[place] for place in range(len(found))]


def predict_in_groups(model: nn.Module) -> None:
    """Let a segmentor of MMSegmentation take such batches; one with steps of its own is left alone.

    Args:
        model: Changed in place; its own steps need one size, or pad and predict the padding.
    """
    plain = isinstance(model, BaseSegmentor) and type(model).test_step is BaseModel.test_step
    if plain and type(model).val_step is BaseModel.val_step:
        model.val_step = model.test_step = partial(in_groups, partial(BaseModel.test_step, model))
