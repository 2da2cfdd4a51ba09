"""How much memory a prediction takes, known before it is made."""

from collections.abc import Sequence
from typing import NamedTuple

from .windows import MEMORY_BUDGET

_NUMBER, _INDEX = 4, 8  # bytes of float32 and int64


class PredictionMemory(NamedTuple):
    """Bytes of one picture's prediction."""

    held: int  # beside the network's own activations
    elsewhere: int  # of windows beyond the budget: host memory, or a temporary file on a CPU


def prediction_memory(
    grid: Sequence[Sequence[slice]], disk: Sequence[int], classes: int, stride: int, test_cfg: dict
) -> PredictionMemory:
    """Bytes that predicting one picture holds beside the network's own activations.

    Two rows of windows (one where there is one) at the head's resolution, the prediction itself of
    head and score map, and with ``test_cfg.keep_logits`` the K full-size maps of both. The score
    map's windows are at a coarser stride and not counted; neither are the tiles, a few MiB.

    Args:
        grid: the windows' rows and columns in the network's input.
        disk: (H0, W0) of the picture on disk.
        classes: K.
        stride: of the head's logits.
        test_cfg: as the segmentor's.
    """
    rows, columns = grid
    height, width = (-(-(axis[0].stop - axis[0].start) // stride) for axis in (rows, columns))
    windows = min(len(rows), 2) * len(columns) * classes * height * width * _NUMBER
    pixels = disk[0] * disk[1]
    if test_cfg.get('keep_logits', False):
        full = 2 * pixels * (_INDEX + classes * _NUMBER)
        return PredictionMemory(full + classes * height * width * _NUMBER, 0)
    budget = test_cfg.get('memory_budget', MEMORY_BUDGET)
    waiting = windows if budget is None else min(windows, int(budget * 2**20))
    return PredictionMemory(waiting + 2 * pixels * _INDEX, windows - waiting)
