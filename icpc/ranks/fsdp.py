"""FSDP2: weights, gradients and optimiser state in parts, one on each rank."""

from itertools import chain
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from ..errors import UserError
from ..evaluation.around_evaluation import AroundEvaluation


def shard(module: nn.Module) -> nn.Module:
    """Split a model's trained parts, and the blocks of its towers, over all ranks, in place.

    A module's `shard_units` are the parts that run as wholes: each is gathered before it runs and
    split again after. The rest that trains is one group. What is frozen and in no unit (the text
    tower) is kept whole on every rank: gathering it for each step would cost more than it saves.

    Args:
        module: The model, on its device; its weights are initialised, and become rank 0's.

    Returns:
        The model itself.

    Raises:
        UserError: For a trained scalar, which cannot be split.
    """
    _refuse_scalars(module)
    module.init_weights()
    for tensor in chain(module.parameters(), module.buffers()):
        distributed.broadcast(tensor.detach(), 0)
    mesh = init_device_mesh(torch.device(get_device()).type, (distributed.get_world_size(),))
    units = [unit for part in module.modules() for unit in getattr(part, 'shard_units', ())]
    for unit in units:
        fully_shard(unit, mesh=mesh, reshard_after_forward=True)
    whole_ones = {
        p for p in module.parameters() if not p.requires_grad and not isinstance(p, DTensor)
    }
    # Left unsharded after an evaluation, the root would miss a change of its weights.
    fully_shard(module, mesh=mesh, reshard_after_forward=True, ignored_params=whole_ones)
    module.register_load_state_dict_pre_hook(_shard_state)
    return module


class WholeInEvaluationHook(AroundEvaluation):
    """Gathers the weights once before an evaluation and splits them again after it.

    Ranks have different numbers of pictures and windows to predict: gathering in each forward pass,
    as in training, would make them wait for each other for ever.
    """

    priority = 'BELOW_NORMAL'  # an average of the weights is in place before

    def enter(self, runner: Runner) -> None:
        """Unshard all weights before the evaluation."""
        _hold_whole(runner.model, True)

    def leave(self, runner: Runner) -> None:
        """Shard them again."""
        _hold_whole(runner.model, False)


def _hold_whole(model: nn.Module, whole: bool) -> None:
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_reshard_after_forward(not whole, recurse=False)
            (module.unshard if whole else module.reshard)()


def _refuse_scalars(module: nn.Module) -> None:
    scalars = [name for name, p in module.named_parameters() if p.requires_grad and p.dim() == 0]
    if scalars:
        raise UserError(
            f"parallel='fsdp2' cannot split the scalar {scalars[0]}: give it the shape (1,), or "
            "train with parallel='ddp'"
        )


def _shard_state(module: nn.Module, state: dict[str, Any], *_: Any) -> None:
    for name, own in module.state_dict().items():
        if name in state:
            state[name] = split_as(state[name], own)


def split_as(value: Tensor, like: Tensor) -> Tensor:
    """This rank's part of a whole tensor, where `like` is in parts; otherwise the tensor."""
    if not isinstance(like, DTensor) or isinstance(value, DTensor):
        return value
    value = value.to(like.device, like.dtype)
    value = value[None] if value.dim() == 0 and like.dim() == 1 else value  # of old checkpoints
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)


def whole(value: Any) -> Any:
    """Copies on the CPU of all tensors inside a state; parts are put together.

    All ranks must call it, and the main process alone gets the copies.
    """
    if isinstance(value, DTensor):
        full = _put_together(value.detach())
        return full.cpu() if is_main_process() else value.detach()
    if isinstance(value, Tensor):
        return value.detach().cpu() if is_main_process() else value.detach()
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(whole(item) for item in value)
    return value


def _put_together(value: DTensor) -> Tensor:
    """The whole tensor on every rank, by a plain collective.

    `full_tensor` waits by a functional collective, which crashes the process now and then over
    gloo (seen in torch 2.14: a segmentation fault in `wait_tensor`).
    """
    if value.placements != (Shard(0),):
        return value.full_tensor()
    mesh, part = value.device_mesh, value.to_local()
    rows = -(-len(value) // mesh.size())  # of each rank but the last ones
    padded = part.new_zeros(rows, *value.shape[1:])
    padded[: len(part)] = part
    parts = [torch.empty_like(padded) for _ in range(mesh.size())]
    distributed.all_gather(parts, padded, group=mesh.get_group())
    return torch.cat(parts)[: len(value)]


def split_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict:
    """A pre-hook of `Optimizer.load_state_dict`: the whole moments become those of this rank."""
    parameters = [p for group in optimizer.param_groups for p in group['params']]
    numbers = [number for group in state['param_groups'] for number in group['params']]
    owners = dict(zip(numbers, parameters, strict=True))
    split = {
        number: {
            key: split_as(value, owners[number])
            if isinstance(value, Tensor) and value.shape == owners[number].shape
            else value
            for key, value in moments.items()
        }
        for number, moments in state['state'].items()
    }
    return {**state, 'state': split}
