"""The matcher that stands before a stage of a frozen backbone."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..recomputing import Recomputes


class PromptMatcher(Recomputes, nn.Module):
    """Prompts what goes into a stage, guided by a semantic map that it refines (PMSS).

    x = norm(W_f F) + E softmax(M); h <- (1 - z) h + z gelu(D_c [h, x]), z = sigmoid(D_z [h, x]);
    M <- M + W_m h. The last two lines are repeated with the same weights, x with the new M; then
    F + W_p h goes into the stage. D is a depthwise 3 x 3 convolution and a 1 x 1 one.

    That a matcher takes F and M, gives both anew and learns prompts by a recurrence is the paper's
    (Prompt-Matched Semantic Segmentation, arXiv 2208.10159); the layers, their widths and the
    number of steps are not public and our choice. W_m and W_p start at zero: before the first step
    of training the backbone sees what it saw in pre-training, and the map is the prior.

    Args:
        channels: C of the stage's input.
        num_classes: K.
        width: the width of the state h.
        steps: the steps of the recurrence.

    Attributes:
        checkpointing: backward computes the matcher again; at first True, since K maps for each
            step cost much more to keep than to compute.

    Raises:
        ValueError: a width or a number of steps below 1.
    """

    def __init__(self, channels: int, num_classes: int, width: int = 64, steps: int = 2) -> None:
        super().__init__()
        for name, value in (('width', width), ('steps', steps)):
            if value < 1:
                raise ValueError(f'backbone.{name} must be at least 1, got {value}')
        self.steps = steps
        self.checkpointing = True
        self.reduce = nn.Conv2d(channels, width, 1)
        self.norm = nn.GroupNorm(1, width)
        self.embed = nn.Conv2d(num_classes, width, 1, bias=False)
        self.gate = _depthwise(width)
        self.candidate = _depthwise(width)
        self.classify = _zero(nn.Conv2d(width, num_classes, 1))
        self.prompt = _zero(nn.Conv2d(width, channels, 1))

    def forward(self, features: Tensor, semantic: Tensor) -> tuple[Tensor, Tensor]:
        """What goes into the stage, and the refined map.

        Args:
            features: (B, C, h, w), the previous stage's output.
            semantic: (B, K, h', w') logits; resized bilinearly to h x w.
        """
        reduced = self.norm(self.reduce(features))  # (B, width, h, w)
        semantic = F.interpolate(semantic, features.shape[2:], mode='bilinear')
        state = torch.zeros_like(reduced)
        for _ in range(self.steps):
            seen = reduced + self.embed(semantic.softmax(dim=1))
            both = torch.cat([state, seen], dim=1)
            gate = self.gate(both).sigmoid()
            state = (1 - gate) * state + gate * F.gelu(self.candidate(both))
            semantic = semantic + self.classify(state)
        return features + self.prompt(state), semantic


def _depthwise(width: int) -> nn.Sequential:
    """(B, 2 * width, h, w) -> (B, width, h, w)."""
    spread = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width, bias=False)
    return nn.Sequential(spread, nn.Conv2d(2 * width, width, 1))


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
