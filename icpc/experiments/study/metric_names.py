"""Whether the runs of a study can give the metrics that it asks for."""

from collections.abc import Sequence
from typing import Any

from ...class_lookup import class_indices
from ...errors import UserError, did_you_mean
from ...evaluation.streaming_iou import _DEFAULT_KEYS, StreamingIoU
from .inputs import Inputs
from .schema import Study
from .variables import ClassSubset


def check_metrics(study: Study, inputs: Sequence[Inputs]) -> None:
    """Raise unless some run can give each metric; metrics of another evaluator are taken as given.

    Args:
        study: The study.
        inputs: Of its runs.

    Raises:
        UserError: For a misspelt class, kind of prediction or key.
    """
    kinds, keys, open_end = set(), set(), False
    for one in inputs:
        parts = one.evaluator if isinstance(one.evaluator, list) else [one.evaluator]
        for part in parts:
            if isinstance(part, dict) and part.get('type') in ('StreamingIoU', StreamingIoU):
                own = set(part.get('keys') or _DEFAULT_KEYS)
                kinds |= own
                keys |= {key for kind in own for key in result_keys(kind, part)}
            else:
                open_end = True
    for name, metric in study.metrics.items():
        if isinstance(metric, ClassSubset):
            _check_subset(f'metrics[{name!r}]', metric, kinds, inputs)
        elif metric not in keys and not open_end:
            raise UserError(
                f'metrics[{name!r}]: no run gives {metric!r}{did_you_mean(metric, keys)} '
                f'(they give: {", ".join(sorted(keys))})'
            )


def result_keys(kind: str, evaluator: dict[str, Any]) -> list[str]:
    """The keys that `StreamingIoU` gives for a kind of prediction.

    Args:
        kind: Such as `head` or `score_map`.
        evaluator: Its config.
    """
    prefix = '' if kind == 'head' else f'{kind.removesuffix("_map")}_'
    groups = [''] + ['base_', 'held_out_'] * (evaluator.get('held_out_classes') is not None)
    groups += ['seen_', 'unseen_'] * (evaluator.get('seen_conditions') is not None)
    overall = ['mAcc', 'aAcc'] if kind == 'head' else []
    return [*(f'{prefix}{group}mIoU' for group in groups), *overall]


def _check_subset(
    where: str, subset: ClassSubset, kinds: set[str], inputs: Sequence[Inputs]
) -> None:
    if kinds and subset.of not in kinds:
        raise UserError(
            f'{where}: there is no of={subset.of!r}{did_you_mean(subset.of, kinds)} '
            f'(there are: {", ".join(sorted(kinds))})'
        )
    for names in {tuple(one.classes) for one in inputs if one.classes is not None}:
        class_indices(subset.classes, names, where)
