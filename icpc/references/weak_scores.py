"""Our values of recorded scores: the three rules of a mean IoU in use."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..evaluation.confusion import confusion, of_background
from ..evaluation.table import Scores, scores
from .recorded_towers import Recorded


def score_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    """Everything of a file of scores."""
    config = file.config
    truth = file.tensor('truth').long()
    cam = file.tensor('cam_prediction').long()
    mask = of_background(file.tensor('mask_prediction').long())
    for name, prediction in (('cam', cam), ('mask', mask)):
        counts = _counts(prediction, truth, config['classes'], config['ignored'])
        # As large as the highest id that occurs.
        occurs = (counts.sum(0) + counts.sum(1)).nonzero().max() + 1
        counts = counts[:occurs, :occurs]
        found = scores(counts)
        yield f'{name}/confusion', counts
        yield f'{name}/iou', found.iou / 100
        yield f'{name}/miou', torch.tensor(found.mean_iou / 100)
        yield f'{name}/false_positive', found.wrong / 100
        yield f'{name}/false_negative', found.missed / 100
        # Of what is taken for foreground, the share that is background.
        taken = counts[:, 1:].sum()
        yield f'{name}/foreground_on_background', counts[0, 1:].sum().double() / taken
    counts = _counts(cam, truth, config['classes'], config['ignored'])
    yield from _segmentation_values(scores(counts))


def _segmentation_values(found: Scores) -> Iterator[tuple[str, Tensor]]:
    yield 'segmentation/iou', found.iou / 100
    yield 'segmentation/miou', torch.tensor(found.truth_mean_iou / 100)
    yield 'segmentation/pixel_accuracy', torch.tensor(found.overall / 100)
    yield 'segmentation/mean_accuracy', torch.tensor(found.mean_acc / 100)
    yield 'segmentation/frequency_weighted_iou', torch.tensor(found.weighted_iou / 100)


def _counts(predictions: Tensor, truth: Tensor, classes: int, ignored: int) -> Tensor:
    """(K, K) counts of all pictures together."""
    pairs = zip(predictions, truth, strict=True)
    counts = sum(confusion(*pair, classes, ignored) for pair in pairs)
    return counts[:classes, :classes]
