"""A frozen QuickGELU MLP in as few passes over its hidden layer as there can be."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_SLOPE = 1.702  # OpenAI CLIP: x * sigmoid(1.702 x)


class _FrozenQuickGELUMLP(torch.autograd.Function):
    """x * sigmoid(s x) = silu(s x) / s: both scales ride in the two matrix products.

    They cancel in the gradient: with z = s (W1 x + b1), y = W2 silu(z) / s + b2 and so
    dx = W1' (silu'(z) W2' dy).
    """

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        x: Tensor,
        w_1: Tensor,
        b_1: Tensor,
        w_2: Tensor,
        b_2: Tensor,
    ) -> Tensor:
        hidden = torch.addmm(b_1, x, w_1.t(), beta=_SLOPE, alpha=_SLOPE)
        ctx.save_for_backward(hidden, w_1, w_2)
        return torch.addmm(b_2, F.silu(hidden), w_2.t(), alpha=1 / _SLOPE)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor, None, None, None, None]:
        hidden, w_1, w_2 = ctx.saved_tensors
        grad = torch.ops.aten.silu_backward(grad @ w_2.to(grad.dtype), hidden)
        return grad @ w_1.to(grad.dtype), None, None, None, None


def frozen_quick_gelu_mlp(x: Tensor, w_1: Tensor, b_1: Tensor, w_2: Tensor, b_2: Tensor) -> Tensor:
    """``W2 quick_gelu(W1 x + b1) + b2`` of frozen weights; keeps the hidden layer.

    Args:
        x: (..., W).
        w_1, b_1, w_2, b_2: (H, W), (H,), (W, H), (W,).

    Returns:
        (..., W).
    """
    return _FrozenQuickGELUMLP.apply(x.flatten(0, -2), w_1, b_1, w_2, b_2).view_as(x)
