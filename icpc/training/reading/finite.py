"""Stops a run whose loss is not finite, and says where it happened."""

import math
from typing import Any, NamedTuple

from torch import Tensor

from ...console.unread import Unread
from ...errors import UserError


class _Step(NamedTuple):
    iteration: int  # counted from 1
    passes: list[dict[str, Tensor]]
    files: list[list[str]]  # of each pass


class FiniteLosses:
    """Looks at the total loss of every step, some steps at a time."""

    def __init__(self) -> None:
        self._unread = Unread()
        self._steps: list[_Step] = []

    def add(
        self,
        outputs: dict[str, Tensor],
        passes: list[dict[str, Tensor]],
        batches: list[dict[str, Any]],
        iteration: int,
    ) -> None:
        """Keep what is needed of a step.

        Args:
            outputs: The step's log, means over its passes; holds `loss`.
            passes: The log of each pass.
            batches: The data of each pass.
            iteration: The step, counted from 1.
        """
        self._unread.add({'loss': outputs['loss']})
        logs = [{key: value.detach() for key, value in log.items()} for log in passes]
        self._steps.append(_Step(iteration, logs, [_files(batch) for batch in batches]))

    def check(self) -> None:
        """Raise when the total loss of a step since the last look is not finite.

        Raises:
            UserError: Names the iteration, the loss terms and the files.
        """
        steps, self._steps = self._steps, []
        for step, numbers in zip(steps, self._unread.read(), strict=True):
            if not math.isfinite(numbers['loss']):
                raise _error(step)


def _error(step: _Step) -> UserError:
    for log, files in zip(step.passes, step.files, strict=True):
        terms = {key: value.item() for key, value in log.items()}
        bad = {key: value for key, value in terms.items() if not math.isfinite(value)}
        if bad:
            parts = [key for key in bad if key != 'loss'] or ['loss']
            listed = ', '.join(f'{key}={bad.get(key)}' for key in parts)
            names = '\n  '.join(files)
            return UserError(
                f'iteration {step.iteration}: the loss is not finite ({listed}). The last '
                'checkpoint is untouched. Try a smaller lr, a longer warm-up, or --amp bf16 '
                f'instead of fp16. Files of the batch:\n  {names}'
            )
    return UserError(
        f'iteration {step.iteration}: the loss is not finite on another rank, see there'
    )


def _files(batch: dict[str, Any]) -> list[str]:
    return [str(getattr(sample, 'img_path', 'unknown')) for sample in batch['data_samples']]
