"""Numbers of training steps that are on the device still."""

from collections.abc import Mapping

import torch
from mmengine.runner import Runner
from torch import Tensor


class Unread:
    """Keeps the scalars of steps, and reads those of all steps in one transfer.

    Reading one makes the host wait until the device has caught up, and then the device for the
    host; between two lines of the log neither has to.
    """

    def __init__(self) -> None:
        self._steps: list[dict[str, Tensor]] = []

    def add(self, scalars: Mapping[str, Tensor]) -> None:
        """Keep a step's scalars."""
        self._steps.append({key: value.detach() for key, value in scalars.items()})

    def read(self) -> list[dict[str, float]]:
        """The scalars of each step since the last reading, as numbers."""
        steps, self._steps = self._steps, []
        values = [value.double() for step in steps for value in step.values()]
        numbers = iter(torch.stack(values).tolist() if values else ())
        return [{key: next(numbers) for key in step} for step in steps]


def are_due(runner: Runner, scalars: Mapping[str, Tensor]) -> bool:
    """Whether the numbers of a step are read now, at the end of it.

    They are at every `log_interval` and after the last step; on a CPU always, which has them ready.
    """
    step = runner.iter + 1
    interval = runner.cfg.get('log_interval') or 1
    ready = not any(waits_for(value) for value in scalars.values())
    return ready or step % interval == 0 or step == runner.max_iters


def waits_for(value: Tensor) -> bool:
    """Whether the host waits for a device when it reads a number."""
    return value.device.type != 'cpu'
