"""Running statistics of norms that each rank counts alone: the same on all ranks after a step."""

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn


@torch.no_grad()
def average_running_statistics(model: nn.Module) -> None:
    """Replace every running mean and variance by its mean over the ranks, in place.

    A norm that is not synchronised sees its own rank's pictures alone. Its statistics are a linear
    function of those of the batches, so their mean over the ranks is the same whenever it is taken;
    taken after each step, what is evaluated, what is saved, and what a resumed run goes on with are
    the same numbers on every rank, to the last bit. `num_batches_tracked` is the same on all ranks.

    Left alone are norms that do not train (frozen ones) and `SyncBatchNorm`. All ranks must call.

    Args:
        model: In training mode, with or without wrapper; its buffers are whole on each rank.
    """
    ranks = get_world_size()
    statistics = _statistics(model) if ranks > 1 else []
    if not statistics:
        return
    # In 64 bits the mean of equal numbers is the number itself, for any number of ranks.
    packed = torch.cat([value.flatten().double() for value in statistics])
    all_reduce(packed)
    means = (packed / ranks).split([value.numel() for value in statistics])
    for value, mean in zip(statistics, means, strict=True):
        value.copy_(mean.view_as(value))


def _statistics(model: nn.Module) -> list[Tensor]:
    return [
        value
        for module in model.modules()
        if module.training and not isinstance(module, nn.SyncBatchNorm)
        for value in (getattr(module, name, None) for name in ('running_mean', 'running_var'))
        if isinstance(value, Tensor)
    ]
