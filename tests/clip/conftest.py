"""Random towers in which every weight matters."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from icpc.clip import load_clip


@pytest.fixture
def build_clip() -> Callable[..., nn.Module]:
    return random_clip


@torch.no_grad()
def random_clip(model: str | dict) -> nn.Module:
    """A CLIP without weights, in eval mode; norms and biases, which start at 0 or 1, are moved."""
    torch.manual_seed(0)
    clip = load_clip(model).eval()
    for module in clip.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.3, 0.7)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        elif isinstance(module, nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.7, 1.3)
        if isinstance(getattr(module, 'bias', None), nn.Parameter):
            nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, nn.MultiheadAttention):
            nn.init.normal_(module.in_proj_bias, std=0.1)
    return clip
