"""QuickGELU that keeps its input alone for the backward pass."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_SLOPE = 1.702  # OpenAI CLIP: x * sigmoid(1.702 x)


class _QuickGELU(torch.autograd.Function):
    """x * sigmoid(s x) = silu(s x) / s, whose derivative is that of silu at s x: fewer passes."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.silu(x * _SLOPE, inplace=True).mul_(1 / _SLOPE)

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grad, x * _SLOPE)


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), any shape; keeps a quarter less for backward than autograd would."""
    return _QuickGELU.apply(x)
