"""Rows of all ranks, with gradient."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def gather_rows(
    rows: Tensor, images: Tensor, classes: Tensor
) -> tuple[tuple[Tensor, Tensor, Tensor], int]:
    """Concatenates the rows of all ranks in rank order; each rank may bring another number.

    Args:
        rows: (R, D) float, differentiated through.
        images: (R,) image index within the rank.
        classes: (R,) class ids.

    Returns:
        (rows, images, classes) of all ranks, image indices made unique, and this rank's first row.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return (rows, images, classes), 0
    rank, ranks = dist.get_rank(), dist.get_world_size()
    counts = [torch.zeros(2, dtype=torch.long, device=rows.device) for _ in range(ranks)]
    last = int(images.max()) + 1 if len(images) else 0
    dist.all_gather(counts, torch.tensor([len(rows), last], device=rows.device))
    sizes = [int(count[0]) for count in counts]
    longest = max(sizes)
    # One padded float tensor carries all three, since all_gather wants equal shapes.
    packed = torch.cat([rows, images[:, None].to(rows), classes[:, None].to(rows)], dim=1)
    packed = torch.cat([packed, packed.new_zeros(longest - len(rows), packed.shape[1])])
    parts = [part[:size] for part, size in zip(all_gather(packed), sizes, strict=True)]
    first_image = 0
    for part, count in zip(parts, counts, strict=True):
        part[:, -2].data.add_(first_image)
        first_image += int(count[1])
    joined = torch.cat(parts)
    split = joined[:, :-2], joined[:, -2].detach().long(), joined[:, -1].detach().long()
    return split, sum(sizes[:rank])
