"""DenseCLIP's context decoder: text embeddings that look at the picture."""

import torch
from timm.layers import trunc_normal_
from torch import Tensor, nn
from torch.nn import functional as F

from ..structures import CLIPFeatures


class PostModelRefiner(nn.Module):
    """t <- t + gamma * decoder(t, [pooled; dense]) (DenseCLIP, arXiv 2112.01518, section 3.2).

    Args:
        embed_dim: D.
        width: the width of the decoder (DenseCLIP: 256).
        heads: attention heads (DenseCLIP: 4).
        layers: decoder layers (DenseCLIP: 3).
        dropout: after each attention, inside and behind each MLP (DenseCLIP: 0.1).
        gamma: initial value of the D learned factors (DenseCLIP: 1e-4).
    """

    def __init__(
        self, embed_dim: int, width: int, heads: int, layers: int, dropout: float, gamma: float
    ) -> None:
        super().__init__()
        self.decoder = ContextDecoder(embed_dim, width, heads, layers, dropout)
        self.gamma = nn.Parameter(torch.full((embed_dim,), gamma))

    def forward(self, text: Tensor, features: CLIPFeatures) -> Tensor:
        """(B or 1, K, D) -> (B, K, D)."""
        positions = features.dense.flatten(2).transpose(1, 2)  # (B, h * w, D)
        context = torch.cat([features.pooled[:, None], positions], dim=1)
        text = text.expand(context.shape[0], -1, -1)
        return text + self.gamma * self.decoder(text, context)


class ContextDecoder(nn.Module):
    """Pre-norm transformer decoder between text queries and a picture's positions.

    Memory: LN, Linear, LN. Queries: LN, Linear. Output: LN, Linear. The structure and the names of
    the parts are those of DenseCLIP's code, so that published weights fit.

    Args:
        embed_dim, width, heads, layers, dropout: see :class:`PostModelRefiner`.

    Raises:
        ValueError: the heads do not divide the width.
    """

    def __init__(self, embed_dim: int, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f'prompter.heads={heads} does not divide the decoder width {width}')
        self.memory_proj = nn.Sequential(
            nn.LayerNorm(embed_dim), nn.Linear(embed_dim, width), nn.LayerNorm(width)
        )
        self.text_proj = nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, width))
        self.decoder = nn.ModuleList(_Layer(width, heads, dropout) for _ in range(layers))
        self.out_proj = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, embed_dim))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)  # DenseCLIP
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, text: Tensor, context: Tensor) -> Tensor:
        """text (B, K, D), context (B, 1 + h * w, D) -> (B, K, D)."""
        memory = self.memory_proj(context)
        x = self.text_proj(text)  # (B, K, width)
        for layer in self.decoder:
            x = layer(x, memory)
        return self.out_proj(x)


class _Layer(nn.Module):
    """Self-attention, cross-attention, MLP x 4; each behind its norm."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = _Attention(width, heads, dropout)
        self.cross_attn = _Attention(width, heads, dropout)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.self_attn(normed, normed)
        x = x + self.cross_attn(self.norm2(x), memory)
        return x + self.dropout(self.mlp(self.norm3(x)))


class _Attention(nn.Module):
    """Multi-head attention whose three input projections have no bias (DenseCLIP)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj = (
            nn.Linear(width, width, bias=False) for _ in range(3)
        )
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """(B, K, width), (B, M, width) -> (B, K, width)."""
        q, k, v = (
            x.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, tokens, d)
            for x in (self.q_proj(queries), self.k_proj(memory), self.v_proj(memory))
        )
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.dropout(self.proj(attended))
