"""The parts of an open_clip text block, whose weights are frozen."""

from open_clip.transformer import QuickGELU
from torch import Tensor, nn
from torch.nn import functional as F

from .quick_gelu_mlp import frozen_quick_gelu_mlp


def qkv(block: nn.Module, x: Tensor) -> Tensor:
    """(B, T, W), normalised here -> (B, T, 3 W)."""
    return F.linear(block.ln_1(x), block.attn.in_proj_weight, block.attn.in_proj_bias)


def mlp(block: nn.Module, x: Tensor) -> Tensor:
    """(B, T, W), normalised here -> (B, T, W)."""
    layers, x = block.mlp, block.ln_2(x)
    if isinstance(layers.gelu, QuickGELU):
        into, out = layers.c_fc, layers.c_proj
        return frozen_quick_gelu_mlp(x, into.weight, into.bias, out.weight, out.bias)
    return layers(x)


def heads(block: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """(B, T, n * W) -> n tensors (B, heads, T, d), W = heads * d."""
    shape = (-1, block.attn.num_heads, block.attn.head_dim)
    return x.unflatten(2, shape).permute(2, 0, 3, 1, 4).unbind(0)


def merge(x: Tensor) -> Tensor:
    """(B, heads, T, d) -> (B, T, W)."""
    return x.transpose(1, 2).flatten(2)
