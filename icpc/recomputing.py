"""Activation checkpointing: backward computes a part again instead of keeping what it made."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Recomputes:
    """A module that can compute its activations again in backward.

    Attributes:
        checkpointing: whether it does; a plain switch, which training sets before the first step.
    """

    checkpointing: bool = False


def recomputed(owner: Recomputes, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``function(*args, **kwargs)``; with ``owner.checkpointing`` its activations are not kept.

    Values and gradients are the same: random numbers repeat, and batch norms count a batch once.
    Within a model that is compiled such a part stays uncompiled.

    Args:
        owner: whose switch counts.
        function: a module, a method of one, or a function that runs no batch norm.
        args, kwargs: tensors and anything else.
    """
    if not (owner.checkpointing and torch.is_grad_enabled()):
        return function(*args, **kwargs)
    return _checkpointed(function, *args, **kwargs)


@torch.compiler.disable  # which has no checkpoint with contexts of its own
def _checkpointed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    module = function if isinstance(function, nn.Module) else getattr(function, '__self__', None)

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _statistics_kept(module)

    return checkpoint(function, *args, use_reentrant=False, context_fn=contexts, **kwargs)


def checkpoint_calls(owner: nn.Module, modules: list[nn.Module]) -> None:
    """Sends every call of ``modules`` through :func:`recomputed`: for other libraries' networks."""
    for module in modules:
        module.forward = _Recomputed(owner, module.forward)


class _Recomputed:
    """Holds ``owner`` outside of the module tree, where it would be a child of its own part."""

    def __init__(self, owner: nn.Module, forward: Callable[..., Any]) -> None:
        self.owner, self.forward = owner, forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return recomputed(self.owner, self.forward, *args, **kwargs)


@contextmanager
def _statistics_kept(module: nn.Module | None) -> Iterator[None]:
    """Lets batch norms in training count into copies of their running statistics."""
    parts = [] if module is None else module.modules()
    norms = [part for part in parts if isinstance(part, BATCH_NORMS) and part.training]
    kept = [dict(norm.named_buffers(recurse=False)) for norm in norms]
    for norm, buffers in zip(norms, kept, strict=True):
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)
