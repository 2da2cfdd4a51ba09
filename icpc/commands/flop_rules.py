"""Multiply-adds of single operators, in fvcore's convention."""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

_aten = torch.ops.aten
_PER_INPUT = {  # fvcore counts an eval-mode batch norm 2, other norms 5 for each input element
    _aten.native_batch_norm: 2,
    _aten._native_batch_norm_legit_no_training: 2,
    _aten.native_layer_norm: 5,
    _aten.native_group_norm: 5,
}
_PER_OUTPUT = {_aten.upsample_nearest2d: 1, _aten.upsample_bilinear2d: 4}
TRANSPOSED = ('input', 'output')


class MultiplyAdds(TorchDispatchMode):
    """Counts the multiply-adds of whatever runs inside it, by the part that it belongs to.

    Convolutions, linear layers and all matrix products, those of attention included; and as fvcore
    does, norms and interpolations. Activations, additions and pooling count nothing.

    Args:
        transposed: over which positions a transposed convolution is counted: ``'input'``, each of
            which meets the whole kernel once (right); or ``'output'``, as older fvcore did.

    Attributes:
        part: name that operators are counted under now.
        counts: part -> multiply-adds.
    """

    def __init__(self, transposed: str = 'input') -> None:
        super().__init__()
        if transposed not in TRANSPOSED:
            raise ValueError(f'transposed must be one of {TRANSPOSED}, got {transposed!r}')
        self.transposed = transposed
        self.part = ''
        self.counts: dict[str, int] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: tuple,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> object:
        kwargs = kwargs or {}
        packet = func._overloadpacket
        out = func(*args, **kwargs)
        if packet in flop_registry or packet in _PER_INPUT or packet in _PER_OUTPUT:
            self.counts[self.part] = self.counts.get(self.part, 0) + self._count(
                packet, args, kwargs, out
            )
        return out

    def _count(self, packet: Any, args: tuple, kwargs: dict, out: Any) -> int:
        first: Tensor = args[0]
        if packet in _PER_INPUT:
            return _PER_INPUT[packet] * first.numel()
        if packet in _PER_OUTPUT:
            return _PER_OUTPUT[packet] * out.numel()
        count = flop_registry[packet](*args, **kwargs, out_val=out) // 2
        is_transposed = packet is _aten.convolution and args[6]
        if is_transposed and self.transposed == 'output':
            count = count * prod(out.shape[2:]) // prod(first.shape[2:])
        return count
