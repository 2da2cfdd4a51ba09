"""Lets a caller change what goes into each stage of an image tower, without changing the tower."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# Takes the stage, 0 .. 3, and its input as a map (B, C, h, w); gives the map that goes in instead.
Enter = Callable[[int, Tensor], Tensor]


class Channels:
    """Maps as they are, (B, C, h, w)."""

    def take(self, x: Tensor) -> Tensor:
        """The map of an input."""
        return x

    def put(self, x: Tensor, seg_map: Tensor) -> Tensor:
        """The input with another map."""
        return seg_map


class ChannelsLast(Channels):
    """Maps (B, h, w, C)."""

    def take(self, x: Tensor) -> Tensor:
        """As in :class:`Channels`."""
        return x.permute(0, 3, 1, 2)

    def put(self, x: Tensor, seg_map: Tensor) -> Tensor:
        """As in :class:`Channels`."""
        return seg_map.permute(0, 2, 3, 1)


class Tokens(Channels):
    """Tokens (B, P + h * w, C), of which the first P belong to no position and stay as they are.

    Args:
        size: (h, w) of the grid.
        prefix: P.
    """

    def __init__(self, size: Sequence[int], prefix: int) -> None:
        self.size, self.prefix = tuple(size), prefix

    def take(self, x: Tensor) -> Tensor:
        """As in :class:`Channels`."""
        return x[:, self.prefix :].transpose(1, 2).unflatten(2, self.size)

    def put(self, x: Tensor, seg_map: Tensor) -> Tensor:
        """As in :class:`Channels`."""
        positions = seg_map.flatten(2).transpose(1, 2)
        return torch.cat([x[:, : self.prefix], positions], dim=1)


@contextmanager
def entering(modules: Sequence[nn.Module], enter: Enter | None, layout: Channels) -> Iterator[None]:
    """For other libraries' networks: ``enter`` stands before each module that begins a stage.

    Args:
        modules: called once in a forward pass, with what goes into the stage as first argument.
        enter: None changes nothing.
        layout: of that argument.
    """

    def before(stage: int) -> Callable[[nn.Module, tuple], tuple]:
        def change(module: nn.Module, args: tuple) -> tuple:
            return (layout.put(args[0], enter(stage, layout.take(args[0]))), *args[1:])

        return change

    stages = [] if enter is None else enumerate(modules)
    handles = [module.register_forward_pre_hook(before(stage)) for stage, module in stages]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
