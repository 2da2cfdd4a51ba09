"""Windows' maps that wait for the windows below them, within a budget of memory."""

import tempfile
from collections import Counter

import numpy as np
import torch
from torch import Tensor

from .budget import check_memory_budget

# MiB, our choice: two rows of windows of 847 classes fit up to a width of 8000 pixels.
MEMORY_BUDGET = 4096.0
BUDGET_KEY = 'model.test_cfg.memory_budget'


class WaitingMaps:
    """Keeps tensors as they are while the budget has room, and beyond it elsewhere.

    Elsewhere is the host's memory for a GPU's tensors and a temporary file for a CPU's, from which
    pages are read as they are needed: nothing is rounded, it only takes longer.

    Args:
        mib: the budget; None for no limit.

    Raises:
        ValueError: the budget is no positive number.
    """

    def __init__(self, mib: float | None = MEMORY_BUDGET) -> None:
        budget = check_memory_budget(mib, BUDGET_KEY)
        self._room = float('inf') if budget is None else budget * 2**20  # bytes
        self._held: Counter[int] = Counter()

    def keep(self, values: Tensor, row: int) -> Tensor:
        """The same numbers, where there is room for them, for a row of windows."""
        if values.nbytes > self._room - self._held.total():
            return _in_file(values) if values.device.type == 'cpu' else values.cpu()
        self._held[row] += values.nbytes
        return values

    def forget(self, row: int) -> None:
        """Gives back the room of all rows of windows above this one."""
        for former in [other for other in self._held if other < row]:
            del self._held[former]


def _in_file(values: Tensor) -> Tensor:
    """A copy of a CPU tensor that lives in a file without a name."""
    with tempfile.TemporaryFile() as file:
        values.contiguous().numpy().tofile(file)
        # Private pages, since torch warns of arrays that it may not write to.
        mapped = np.memmap(file, values.numpy().dtype, mode='c', shape=tuple(values.shape))
    return torch.from_numpy(mapped)
