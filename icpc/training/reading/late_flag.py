"""A flag of all ranks, read while the device goes on."""

import torch
from torch import Tensor

from ...console.unread import waits_for


class LateFlag:
    """Reads the flag of a step at the end of the next one, by when the device has it.

    On a CPU, or when it is asked for now, it reads that of the step itself.
    """

    def __init__(self) -> None:
        self._sent: tuple[Tensor, torch.cuda.Event] | None = None

    def read(self, flag: Tensor | bool, now: bool) -> bool:
        """Whether the flag of a former step is raised, or this one's where that is there.

        Args:
            flag: Of this step; above 0 is raised. The same on all ranks.
            now: Wait for it.
        """
        if now or isinstance(flag, bool) or not waits_for(flag):
            self._sent = None  # a flag stays raised
            return bool(flag > 0)
        former, self._sent = self._sent, _send(flag)
        if former is None:
            return False
        value, there = former
        there.synchronize()
        return bool(value > 0)


def _send(flag: Tensor) -> tuple[Tensor, torch.cuda.Event]:
    host = torch.empty_like(flag, device='cpu', pin_memory=True)
    host.copy_(flag, non_blocking=True)
    there = torch.cuda.Event()
    there.record()
    return host, there
