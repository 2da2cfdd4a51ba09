"""Names trainable parameters that no loss depends on, in the first pass of a training."""

from collections.abc import Iterable

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ..console.messages import say
from ..errors import UserError

_NAMED = 5  # parameters that a message lists


def check_all_train(
    model: nn.Module, losses: dict[str, Tensor | list[Tensor]], refuse: bool
) -> None:
    """Tell of trainable parameters that no loss depends on, before the first backward pass.

    Args:
        model: Their owner, without wrapper.
        losses: What the model returned: {term: scalar or list of scalars}.
        refuse: Raise instead of telling: DistributedDataParallel waits for each gradient.

    Raises:
        UserError: It names the parameters.
    """
    if any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        return  # sharded: what the losses depend on are gathered copies
    names = idle_parameters(model, losses)
    if not names:
        return
    listed = ', '.join(names[:_NAMED]) + (', ..' if len(names) > _NAMED else '')
    text = f'no loss depends on {len(names)} trainable parameters: {listed}'
    if refuse:
        raise UserError(
            f'{text}. Ranks would wait for their gradients: call requires_grad_(False) on them, or '
            'set find_unused_parameters=True'
        )
    say(f'{text}; they stay as they are')


def idle_parameters(model: nn.Module, losses: dict[str, Tensor | list[Tensor]]) -> list[str]:
    """Names of the trainable parameters that none of the losses depends on.

    Args:
        model: Their owner.
        losses: What the model returned; only terms with 'loss' in their name are trained on.
    """
    terms: list[Tensor] = []
    for name, value in losses.items():
        if 'loss' in name:
            terms += value if isinstance(value, (list, tuple)) else [value]
    reached = _leaves(terms)
    return [
        name for name, p in model.named_parameters() if p.requires_grad and id(p) not in reached
    ]


def _leaves(terms: Iterable[Tensor]) -> set[int]:
    """The ids of all leaves of the graph behind some tensors."""
    waiting = [term.grad_fn for term in terms if term.grad_fn is not None]
    seen, leaves = set(waiting), set()
    while waiting:
        node = waiting.pop()
        if hasattr(node, 'variable'):
            leaves.add(id(node.variable))
        for former, _ in node.next_functions:
            if former is not None and former not in seen:
                seen.add(former)
                waiting.append(former)
    return leaves
