"""Pictures through a network in batches that fit a budget of memory."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import UserError
from ..parts import KnowsItsMemory
from .predicted import Failure, Prediction
from .prepared import Preparation, Prepared

# Bytes of the network's activations for each pixel that goes in, our choice: an FPN of 256 channels
# at strides from 4 on with its inputs takes about half of it.
_ACTIVATIONS = 1024


class Answer(NamedTuple):
    """Who answers, and for which classes."""

    model: nn.Module
    step: Any  # a batch as of a loader -> samples
    names: tuple[str, ...]
    palette: np.ndarray
    keeps_logits: bool
    mapped: tuple[str, ...] = ()  # the classes whose score maps are wanted


def predicted(
    pictures: Iterable[tuple[str, Any]],
    prepare: Preparation,
    answer: Answer,
    budget: float,
    batch_size: int,
    skips: bool,
) -> Iterator[Prediction | Failure]:
    """Predictions in the order of the pictures, which are read no further than a batch ahead.

    Args:
        pictures: Each with what results call it.
        prepare: Reads one.
        answer: Who answers.
        budget: Bytes that the pictures of a batch may take; one is always predicted.
        batch_size: The most pictures of a batch.
        skips: Whether a picture that cannot be read gives a `Failure`.

    Raises:
        UserError: It cannot be read, and is not skipped.
    """
    waiting: list[Prepared | Failure] = []
    held = 0.0
    for name, picture in pictures:
        try:
            ready = prepare(picture, name)
            needed = _bytes_of(answer.model, ready)
        except UserError as error:
            if not skips:
                raise
            ready, needed = Failure(name, str(error)), 0.0
        if waiting and (held + needed > budget or len(waiting) == batch_size):
            yield from _batch(waiting, answer)
            waiting, held = [], 0.0
        waiting.append(ready)
        held += needed
    yield from _batch(waiting, answer)


def _batch(waiting: list[Prepared | Failure], answer: Answer) -> Iterator[Prediction | Failure]:
    ready = [one for one in waiting if isinstance(one, Prepared)]
    samples: Iterator[Any] = iter(())
    if ready:
        data = dict(
            inputs=[one.inputs for one in ready], data_samples=[one.sample for one in ready]
        )
        with torch.no_grad():
            samples = iter(answer.step(data))
    for one in waiting:
        yield one if isinstance(one, Failure) else _result(one, next(samples), answer)


def _bytes_of(model: nn.Module, ready: Prepared) -> float:
    """Of a picture's prediction, as far as it is known before."""
    size, disk = tuple(ready.inputs.shape[1:]), ready.image.shape[:2]
    maps = sum(model.prediction_memory(size, disk)) if isinstance(model, KnowsItsMemory) else 0
    return maps + _ACTIVATIONS * size[0] * size[1]


def _result(ready: Prepared, sample: Any, answer: Answer) -> Prediction:
    logits = sample.get('seg_logits') if answer.keeps_logits else None
    maps = sample.get('score_maps')
    return Prediction(
        ready.name,
        ready.image,
        sample.pred_sem_seg.data.squeeze(0).to('cpu', torch.int32).numpy(),
        answer.names,
        answer.palette,
        None if logits is None else _probabilities(logits.data),
        None if maps is None else maps.data.float().cpu().numpy(),
        answer.mapped,
    )


def _probabilities(logits: Tensor) -> np.ndarray:
    """(K, H, W) of logits; one channel alone tells the second of two classes."""
    logits = logits.float()
    if len(logits) == 1:
        second = logits.sigmoid()
        return torch.cat([1 - second, second]).cpu().numpy()
    return logits.softmax(dim=0).cpu().numpy()
