"""How much memory an encoding of texts holds, and how it stays within a budget."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# MiB, our choice: 150 names for 32 images, or 847 for 4, fit at CLIP's width of 512 and 12 blocks.
MEMORY_BUDGET = 4096.0
# Numbers that a block keeps of a token for backward: 14 widths the plain way with QuickGELU, 10 to
# 11 the shared way, and there up to three copies of the attention weights. Counted by a test.
_WIDTHS, _WEIGHTS = 14, 3


def held_bytes(
    width: int, heads: int, layers: int, attended: int, recomputes: bool, element: int
) -> int:
    """Bytes that one token of a prompt holds while texts are encoded; rather too many.

    Args:
        width: W, of a token.
        heads: the heads of attention.
        layers: blocks of the tower.
        attended: tokens that it looks at, at most.
        recomputes: only one block's activations are there at a time, and every block's input.
        element: bytes of a number.
    """
    block = _WIDTHS * width + _WEIGHTS * heads * attended
    return element * (block + layers * width if recomputes else layers * block)


def recomputed_later(function: Callable[..., Tensor], *args: object) -> Tensor:
    """``function(*args)``, of which backward keeps the arguments alone and computes it again."""
    if not torch.is_grad_enabled():
        return function(*args)
    return checkpoint(function, *args, use_reentrant=False, preserve_rng_state=False)
