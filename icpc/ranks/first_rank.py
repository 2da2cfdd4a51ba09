"""Work that the first rank does alone, while the others wait."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from mmengine.dist import broadcast_object_list, get_world_size, is_main_process
from mmengine.dist.utils import get_comm_device
from torch import distributed as torch_distributed

from ..errors import UserError
from . import distributed

Found = TypeVar('Found')
_PAUSE = 0.02  # seconds between two looks


def on_first_rank(work: Callable[[], Found], phase: str) -> Found:
    """Let the first rank work; all ranks get what it returns, or the `UserError` that it raises.

    However long it takes, the others wait with signs of life: a first rank that stands still ends
    by its own watch, and then the others do.

    Args:
        work: It may call :func:`distributed.note` while it goes on.
        phase: What it does, for the message of a rank that stands still.
    """
    distributed.note(phase)
    if get_world_size() == 1:
        return work()
    outcome: list[Any] = [None, None]
    if is_main_process():
        try:
            outcome[0] = work()
        except UserError as error:
            outcome[1] = str(error)
    _meet(phase)
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise UserError(outcome[1])
    return outcome[0]


def _meet(phase: str) -> None:
    """Wait until the first rank comes here."""
    signal = torch.zeros(1, device=get_comm_device())
    sent = torch_distributed.broadcast(signal, 0, async_op=True)
    while not sent.is_completed():
        distributed.note(f'the wait for the first rank: {phase}')
        time.sleep(_PAUSE)
    sent.wait()
