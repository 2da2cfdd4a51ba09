"""Refuses an evaluator that could not tell its own numbers apart."""

from collections.abc import Iterable

from mmengine.evaluator import BaseMetric
from mmseg.evaluation import IoUMetric

from ..errors import UserError
from .streaming_iou import StreamingIoU


def refuse_equal_names(metrics: Iterable[BaseMetric]) -> None:
    """Raise where two metrics give mIoU; mmengine would after the first evaluation.

    Raises:
        UserError: With what to change.
    """
    prefixes: set[str] = set()
    for metric in metrics:
        if isinstance(metric, (StreamingIoU, IoUMetric)):
            prefix = metric.prefix or ''
            if prefix in prefixes:
                raise UserError(
                    'two metrics of an evaluator give mIoU, mAcc and aAcc: leave one out, or give '
                    "MMSegmentation's IoUMetric a name of its own, such as prefix='mmseg'"
                )
            prefixes.add(prefix)
