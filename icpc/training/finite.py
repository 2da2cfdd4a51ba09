"""Stops a run whose loss is not finite, and says where it happened."""

import math
from typing import Any

from torch import Tensor

from ..errors import UserError


def raise_if_not_finite(
    outputs: dict[str, Tensor],
    passes: list[dict[str, Tensor]],
    batches: list[dict[str, Any]],
    iteration: int,
) -> None:
    """Raise when the step's total loss is not finite; costs one transfer of one number.

    Args:
        outputs: The step's log, means over its passes; holds `loss`.
        passes: The log of each pass.
        batches: The data of each pass.
        iteration: The step, counted from 1.

    Raises:
        UserError: Names the iteration, the loss terms and the files.
    """
    if math.isfinite(outputs['loss'].item()):
        return
    for log, batch in zip(passes, batches, strict=True):
        terms = {key: value.item() for key, value in log.items()}
        bad = {key: value for key, value in terms.items() if not math.isfinite(value)}
        if bad:
            parts = [key for key in bad if key != 'loss'] or ['loss']
            listed = ', '.join(f'{key}={bad.get(key)}' for key in parts)
            files = '\n  '.join(_files(batch))
            raise UserError(
                f'iteration {iteration}: the loss is not finite ({listed}). The last checkpoint is '
                'untouched. Try a smaller lr, a longer warm-up, or --amp bf16 instead of fp16. '
                f'Files of the batch:\n  {files}'
            )
    raise UserError(f'iteration {iteration}: the loss is not finite on another rank, see there')


def _files(batch: dict[str, Any]) -> list[str]:
    return [str(getattr(sample, 'img_path', 'unknown')) for sample in batch['data_samples']]
