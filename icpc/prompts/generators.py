"""Networks that make prompt tokens of a picture's features; they can start as the zero function."""

import torch
from torch import Tensor, nn

from ..alignment import unit_length
from ..structures import CLIPFeatures


class MetaNet(nn.Module):
    """CoCoOp's meta-net (arXiv 2203.05557): Linear(D, D / 16), ReLU, Linear(D / 16, tokens x W).

    Args:
        embed_dim: D.
        tokens: number of vectors made.
        width: W.
        hidden: width between the layers; None for D / 16 (CoCoOp).
        zero: the last layer starts at zero (our choice); otherwise torch's default (CoCoOp).
    """

    def __init__(
        self,
        embed_dim: int,
        tokens: int,
        width: int,
        hidden: int | None = None,
        zero: bool = True,
    ) -> None:
        super().__init__()
        hidden = max(embed_dim // 16, 1) if hidden is None else hidden
        self.tokens = tokens
        self.layers = nn.Sequential(
            nn.Linear(embed_dim, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, tokens * width)
        )
        if zero:
            _zero(self.layers[-1])

    def forward(self, features: CLIPFeatures) -> Tensor:
        """(B, tokens, W) of the pooled embedding, normalised first."""
        return self.layers(unit_length(features.pooled, dim=1)).unflatten(1, (self.tokens, -1))


class CrossAttentionNet(nn.Module):
    """Learned queries that attend to the picture as a whole and to its positions.

    Args:
        embed_dim: D.
        tokens: number of queries, and of vectors made.
        width: W.
        heads: attention heads.
        hidden: width of the attention; None for W.
    """

    def __init__(
        self, embed_dim: int, tokens: int, width: int, heads: int = 4, hidden: int | None = None
    ) -> None:
        super().__init__()
        hidden = width if hidden is None else hidden
        if hidden % heads:
            raise ValueError(f'prompter.heads={heads} does not divide the width {hidden}')
        self.queries = nn.Parameter(nn.init.trunc_normal_(torch.empty(tokens, hidden), std=0.02))
        self.memory = nn.Sequential(nn.Linear(embed_dim, hidden), nn.LayerNorm(hidden))
        self.attention = nn.MultiheadAttention(hidden, heads, batch_first=True)
        self.output = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, width))
        _zero(self.output[-1])

    def forward(self, features: CLIPFeatures) -> Tensor:
        """(B, tokens, W) of [pooled; dense], each normalised first."""
        positions = features.dense.flatten(2).transpose(1, 2)  # (B, h * w, D)
        memory = torch.cat([features.pooled[:, None], positions], dim=1)
        memory = self.memory(unit_length(memory, dim=2))
        queries = self.queries.expand(memory.shape[0], -1, -1)
        attended = self.attention(queries, memory, memory, need_weights=False)[0]
        return self.output(attended + queries)


def _zero(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
