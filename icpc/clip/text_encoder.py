"""CLIP's text tower, frozen, for prompts that share their beginning."""

import torch
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F

from ..recomputing import recomputed
from .prefix_attention import end_attention, name_attention
from .quick_gelu_mlp import frozen_quick_gelu_mlp
from .vocabulary import START, PackedNames


class TextEncoder(nn.Module):
    """Encodes B x K prompts ``[start, contexts of image b, name of class k, end]`` exactly.

    Attention is causal, so the prefix ``[start, contexts]`` is the same for all K classes of an
    image: its keys and values are computed once, and each name attends to them and, causally, to
    itself. Names are packed without padding, the last block computes the end positions alone, and
    the first block's projections of the name tokens are computed once for all images. The weights
    are frozen, which spares their gradients; the gradient with respect to the contexts is exact.

    Args:
        clip: an open_clip ``CLIP`` or ``CustomTextCLIP`` with a causal text tower.
        checkpointing: recompute each block in backward instead of keeping its activations
            (1.4 times the time, a thirteenth of the memory).
        num_positions: keep the first rows of the position table alone, start and end token
            included (DenseCLIP's checkpoints have 13); None for all.

    Raises:
        ValueError: the tower is not causal or not a plain CLIP transformer.
    """

    def __init__(
        self, clip: nn.Module, checkpointing: bool = False, num_positions: int | None = None
    ) -> None:
        super().__init__()
        text = getattr(clip, 'text', clip)
        _check_supported(text, getattr(clip, 'text_pool_type', getattr(text, 'pool_type', None)))
        tokenizer = getattr(clip, 'foreign_tokenizer', None)
        if tokenizer:
            raise ValueError(
                f'the text tower was trained with the tokenizer {tokenizer}; class names are '
                "tokenized with CLIP's own byte pairs here, whose ids it would misread"
            )
        self.token_embedding = text.token_embedding
        self.positional_embedding = text.positional_embedding  # (positions, W)
        self.blocks = text.transformer.resblocks
        self.ln_final = text.ln_final
        self.text_projection = text.text_projection
        self.checkpointing = checkpointing
        if num_positions is not None:
            self.cut_positions(num_positions)
        self.requires_grad_(False)
        self.eval()

    @property
    def width(self) -> int:
        """W, the width of a token."""
        return self.positional_embedding.shape[1]

    @property
    def num_positions(self) -> int:
        """The longest prompt, start and end token included."""
        return self.positional_embedding.shape[0]

    @property
    def embed_dim(self) -> int:
        """D, the width of the joint space."""
        projection = self.text_projection
        return projection.out_features if isinstance(projection, nn.Linear) else projection.shape[1]

    def cut_positions(self, rows: int) -> None:
        """Forgets the positions behind the first ``rows``."""
        if not 2 <= rows <= self.num_positions:
            raise ValueError(f'num_positions must be 2 .. {self.num_positions}, got {rows}')
        table = self.positional_embedding.detach()[:rows].clone()
        self.positional_embedding = nn.Parameter(table, requires_grad=False)

    def train(self, mode: bool = True) -> 'TextEncoder':
        """Stays in eval mode: the tower is frozen."""
        return super().train(False)

    def forward(self, contexts: Tensor, names: PackedNames) -> Tensor:
        """Text embeddings of every class for every image.

        Args:
            contexts: (B, N, W) context tokens, N >= 0.
            names: K packed names.

        Returns:
            (B, K, D), not normalised.
        """
        batch, prefix = contexts.shape[0], 1 + contexts.shape[1]
        names.check_budget(prefix, self.num_positions)
        start = self.token_embedding.weight[START].expand(batch, 1, -1)
        x_prefix = torch.cat([start, contexts], dim=1) + self.positional_embedding[:prefix]
        x_names = names.embed(self.token_embedding, self.positional_embedding, prefix)[None]
        for block in self.blocks[:-1]:
            x_prefix, x_names = recomputed(self, self._block, block, x_prefix, x_names, names)
        ends = self._last_block(self.blocks[-1], x_prefix, x_names, names)  # (B, K, W)
        return self._project(ends)[:, names.order]

    def encode_embeddings(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        """The plain way: whole prompts through all blocks, padded to one length.

        For prompts that share no prefix (contexts per class, names in the middle), and the
        reference that the shared way is tested against.

        Args:
            embeddings: (P, L, W) token embeddings, positions not yet added, L <= positions.
            ends: (P,) index of each end token.

        Returns:
            (P, D), not normalised.
        """
        length = embeddings.shape[1]
        x = embeddings + self.positional_embedding[:length]
        mask = torch.full((length, length), float('-inf'), dtype=x.dtype, device=x.device).triu(1)
        for block in self.blocks:
            x = recomputed(self, block, x, attn_mask=mask)
        return self._project(x[torch.arange(len(x), device=x.device), ends])

    def _project(self, x: Tensor) -> Tensor:
        x = self.ln_final(x)
        if isinstance(self.text_projection, nn.Linear):
            return self.text_projection(x)
        return x @ self.text_projection

    def _block(
        self, block: nn.Module, x_prefix: Tensor, x_names: Tensor, names: PackedNames
    ) -> tuple[Tensor, Tensor]:
        """One causal block over the prefix (B, P, W) and the names (B or 1, T, W)."""
        q, k, v = _heads(block, _qkv(block, x_prefix))
        q_names, k_names, v_names = _heads(block, _qkv(block, x_names))
        prefix = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        inside = name_attention(q_names, k_names, v_names, k, v, names)
        x_names = x_names + block.ls_1(block.attn.out_proj(_merge(inside)))
        x_prefix = x_prefix + block.ls_1(block.attn.out_proj(_merge(prefix)))
        x = torch.cat([x_prefix, x_names], dim=1)
        x = x + block.ls_2(_mlp(block, x))
        return x.split([x_prefix.shape[1], x_names.shape[1]], dim=1)

    def _last_block(
        self, block: nn.Module, x_prefix: Tensor, x_names: Tensor, names: PackedNames
    ) -> Tensor:
        """The last block at the end positions alone: (B, K, W) in packed order."""
        width = self.width
        w_q, w_kv = block.attn.in_proj_weight.split([width, 2 * width])
        b_q, b_kv = block.attn.in_proj_bias.split([width, 2 * width])
        k, v = _heads(block, F.linear(block.ln_1(x_prefix), w_kv, b_kv))
        normed = block.ln_1(x_names)
        k_names, v_names = _heads(block, F.linear(normed, w_kv, b_kv))
        (q,) = _heads(block, F.linear(normed[:, names.ends], w_q, b_q))  # (B, heads, K, d)
        attended = end_attention(q, k_names, v_names, k, v, names)
        x = x_names[:, names.ends] + block.ls_1(block.attn.out_proj(_merge(attended)))
        return x + block.ls_2(_mlp(block, x))


def _check_supported(text: nn.Module, pool_type: str | None) -> None:
    if getattr(text, 'attn_mask', None) is None:
        raise ValueError(
            'this CLIP has a bidirectional text tower (no causal mask): a prefix cannot be shared '
            'between classes; choose a CLIP with causal text'
        )
    if getattr(text, 'cls_emb', None) is not None:
        raise ValueError('text towers with an appended class token (CoCa) are not supported')
    if pool_type not in ('argmax', 'eos'):
        raise ValueError(f'text pooling {pool_type!r} is not at the end token; not supported')
    if text.text_projection is None:
        raise ValueError('this text tower has no projection into the joint space')
    for block in text.transformer.resblocks:
        if type(block) is not ResidualAttentionBlock:
            raise ValueError(f'text blocks of type {type(block).__name__} are not supported')


def _qkv(block: nn.Module, x: Tensor) -> Tensor:
    return F.linear(block.ln_1(x), block.attn.in_proj_weight, block.attn.in_proj_bias)


def _mlp(block: nn.Module, x: Tensor) -> Tensor:
    mlp, x = block.mlp, block.ln_2(x)
    if isinstance(mlp.gelu, QuickGELU):
        into, out = mlp.c_fc, mlp.c_proj
        return frozen_quick_gelu_mlp(x, into.weight, into.bias, out.weight, out.bias)
    return mlp(x)


def _heads(block: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """(B, T, n * W) -> n tensors (B, heads, T, d), W = heads * d."""
    shape = (-1, block.attn.num_heads, block.attn.head_dim)
    return x.unflatten(2, shape).permute(2, 0, 3, 1, 4).unbind(0)


def _merge(x: Tensor) -> Tensor:
    """(B, heads, T, d) -> (B, T, W)."""
    return x.transpose(1, 2).flatten(2)
