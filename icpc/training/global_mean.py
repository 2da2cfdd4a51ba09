"""The mean over the global batch, whatever the passes and ranks that it is computed in."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ..head_units import add_up, head_counts, labelled
from ..parts import CountsLossUnits

ALL_OTHER_TERMS = ''  # the units of every term that has none of its own
Weights = dict[str, Tensor] | None  # {term: scalar}; None for a step of a single pass


class GlobalMean:
    """Weighs a pass's loss terms so that their mean over passes and ranks is the global batch's.

    A term is the mean over n units of its pass: n_i of pass i of P (over all ranks). With weight
    w_i = n_i P / sum_j n_j, the mean of w_i term_i over the passes is the mean over all units.

    The unit is a labelled pixel, but for the losses of MMSegmentation's heads that are means over
    something else (`head_counts`). A model may say otherwise by a method
    `loss_units(data_samples) -> {term: n}`, where `ALL_OTHER_TERMS` stands for the rest.

    Args:
        model: Without wrapper; in 'loss' mode it returns {term: scalar or list of scalars}.
        ignore_index: Label of pixels that do not count.
        passes: Passes of each rank in a step.

    Raises:
        UserError: With several passes or ranks, a loss that they cannot make up.
    """

    def __init__(self, model: nn.Module, ignore_index: int = 255, passes: int = 1) -> None:
        self.model = model
        self.ignore_index = ignore_index
        if passes * get_world_size() > 1:
            head_counts(model)

    def weigh(self, batches: Sequence[dict[str, Any]]) -> list[Weights]:
        """The weights of the loss terms of each of this rank's passes in a step.

        Args:
            batches: The data of the passes.
        """
        passes = len(batches) * get_world_size()
        if passes == 1:
            return [None]
        units = [self._units(batch['data_samples']) for batch in batches]
        names = sorted(units[0])
        own = torch.tensor([[float(unit[name]) for name in names] for unit in units])
        own = own.double()  # (passes, terms)
        total = own.sum(dim=0)
        all_reduce(total)
        weights = torch.where(total > 0, own * passes / total.where(total > 0, 1), 1.0).float()
        return [dict(zip(names, row.unbind(), strict=True)) for row in weights]

    def _units(self, samples: Sequence[BaseDataElement]) -> dict[str, float | Tensor]:
        if isinstance(self.model, CountsLossUnits):
            return self.model.loss_units(samples)
        labels = [sample.gt_sem_seg.data.squeeze(0) for sample in samples if 'gt_sem_seg' in sample]
        if len(labels) < len(samples):
            return {ALL_OTHER_TERMS: len(samples)}
        counts = {ALL_OTHER_TERMS: partial(labelled, ignore_index=self.ignore_index)}
        return add_up(counts | head_counts(self.model), labels)


def weighted(losses: dict[str, Any], weights: Weights) -> dict[str, Any]:
    """The losses of one pass, weighted so that their mean over all passes is the global batch's.

    Args:
        losses: What the model returned: {term: scalar or list of scalars}, means over this pass.
        weights: Those of this pass, from `GlobalMean.weigh`.
    """
    if weights is None:
        return losses
    others = weights[ALL_OTHER_TERMS]
    return {term: _times(value, weights.get(term, others)) for term, value in losses.items()}


def _times(value: Tensor | list[Tensor], weight: Tensor) -> Tensor | list[Tensor]:
    if isinstance(value, (list, tuple)):
        return [item * weight for item in value]
    return value * weight


def mean_of_step(
    passes: Sequence[dict[str, Tensor]], flag: bool = False
) -> tuple[dict[str, Tensor], Tensor | bool]:
    """The mean of a step's logs over passes and ranks, and how many ranks raised their flag.

    Args:
        passes: The log of each pass of this rank.
        flag: This rank's.
    """
    log = passes[0]
    if len(passes) > 1:
        log = {key: torch.stack([part[key].detach() for part in passes]).mean() for key in log}
    ranks = get_world_size()
    if ranks == 1:
        return log, flag
    values = [value.detach().double() for value in log.values()]
    packed = torch.stack([*values, values[0].new_tensor(float(flag))])
    all_reduce(packed)
    means = (packed / ranks).float()
    return dict(zip(log, means[:-1].unbind(), strict=True)), packed[-1]
