"""Predictions for batches of pictures of several sizes, without padding one for another's sake."""

from collections.abc import Callable
from functools import partial
from typing import Any

from mmengine.model import BaseModel
from mmseg.models.segmentors import BaseSegmentor
from torch import nn

Step = Callable[[dict[str, Any]], list[Any]]


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
