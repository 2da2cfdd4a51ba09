"""Rows of all ranks, with gradient."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def gather_rows(rows: Tensor, taking_part: Tensor) -> tuple[Tensor, Tensor, int]:
    """Concatenates the rows of all ranks in rank order.

    Every rank brings the same number, so that none is asked how many it has.

    Args:
        rows: (R, D) float, differentiated through.
        taking_part: (R,) bool.

    Returns:
        both of all ranks, and the place of this rank's first row.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return rows, taking_part, 0
    packed = torch.cat([rows, taking_part[:, None].to(rows)], dim=1)
    joined = torch.cat(all_gather(packed))
    return joined[:, :-1], joined[:, -1].detach() > 0, dist.get_rank() * len(rows)
