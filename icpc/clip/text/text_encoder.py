"""CLIP's text tower, frozen, for prompts that share their beginning."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...memory.budget import check_memory_budget
from ...memory.text import MEMORY_BUDGET, held_bytes, recomputed_later
from ...recomputing import Recomputes, recomputed
from .causal_text import check_causal_text
from .prefix_attention import end_attention, name_attention
from .text_block import heads, merge, mlp, qkv
from .vocabulary import START, PackedNames


class TextEncoder(Recomputes, nn.Module):
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
        memory_budget: MiB that one encoding may hold, estimated by :func:`held_bytes`; beyond it
            classes go in parts, which backward computes again one by one. None: no limit.

    Raises:
        ValueError: the tower is not causal or not a plain CLIP transformer, or an empty budget.
    """

    def __init__(
        self,
        clip: nn.Module,
        checkpointing: bool = False,
        num_positions: int | None = None,
        memory_budget: float | None = MEMORY_BUDGET,
    ) -> None:
        super().__init__()
        text = getattr(clip, 'text', clip)
        check_causal_text(clip)
        self.token_embedding = text.token_embedding
        self.positional_embedding = text.positional_embedding  # (positions, W)
        self.blocks = text.transformer.resblocks
        self.ln_final = text.ln_final
        self.text_projection = text.text_projection
        self.checkpointing = checkpointing
        self.memory_budget = check_memory_budget(
            memory_budget, 'prompter.text_encoder.memory_budget'
        )
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

    def forward(self, contexts: Tensor, names: PackedNames | Tensor) -> Tensor:
        """Text embeddings of every class for every image.

        Args:
            contexts: (B, N, W) context tokens, N >= 0; or whole prompts (P, L, W) that share no
                prefix, as of :meth:`encode_embeddings`.
            names: K packed names; or (P,) the index of each whole prompt's end token.

        Returns:
            (B, K, D), or (P, D) of whole prompts, not normalised.
        """
        if isinstance(names, Tensor):
            return self._encode_prompts(contexts, names)
        prefix = 1 + contexts.shape[1]
        names.check_budget(prefix, self.num_positions)
        room = self._tokens_at_once(contexts.shape[0], prefix + names.max_length, contexts)
        parts = names.split(room - prefix)
        if len(parts) == 1:
            return self._encode(contexts, names)
        texts = [recomputed_later(self._encode, contexts, part) for part in parts]
        return torch.cat(texts, dim=1)[:, names.order]

    def _encode(self, contexts: Tensor, names: PackedNames) -> Tensor:
        """(B, N, W) contexts, K names -> (B, K, D), all at once."""
        batch, prefix = contexts.shape[0], 1 + contexts.shape[1]
        start = self.token_embedding.weight[START].expand(batch, 1, -1)
        x_prefix = torch.cat([start, contexts], dim=1) + self.positional_embedding[:prefix]
        x_names = names.embed(self.token_embedding, self.positional_embedding, prefix)[None]
        for block in self.blocks[:-1]:
            x_prefix, x_names = recomputed(self, self._block, block, x_prefix, x_names, names)
        ends = self._last_block(self.blocks[-1], x_prefix, x_names, names)  # (B, K, W)
        return self._project(ends)[:, names.order]

    def encode_embeddings(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        """The plain way: whole prompts through all blocks, padded to one length.

        The reference that the shared way is tested against; all prompts at once, whatever the
        memory budget is.

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

    def _encode_prompts(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        """The plain way within the memory budget.

        For prompts that share no prefix: contexts per class, names in the middle. Arguments and
        result as of :meth:`encode_embeddings`.
        """
        length = embeddings.shape[1]
        count = max(self._tokens_at_once(1, length, embeddings) // length, 1)
        if count >= len(embeddings):
            return self.encode_embeddings(embeddings, ends)
        parts = zip(embeddings.split(count), ends.split(count), strict=True)
        return torch.cat([recomputed_later(self.encode_embeddings, *part) for part in parts])

    def _tokens_at_once(self, batch: int, attended: int, like: Tensor) -> int:
        """Tokens of each of ``batch`` images that the memory budget has room for."""
        if self.memory_budget is None:
            return 2**62
        token = held_bytes(
            self.width,
            self.blocks[0].attn.num_heads,
            layers=len(self.blocks),
            attended=attended,
            recomputes=self.checkpointing or not torch.is_grad_enabled(),
            element=like.element_size(),
        )
        return int(self.memory_budget * 2**20 // (batch * token))

    def _project(self, x: Tensor) -> Tensor:
        x = self.ln_final(x)
        if isinstance(self.text_projection, nn.Linear):
            return self.text_projection(x)
        return x @ self.text_projection

    def _block(
        self, block: nn.Module, x_prefix: Tensor, x_names: Tensor, names: PackedNames
    ) -> tuple[Tensor, Tensor]:
        """One causal block over the prefix (B, P, W) and the names (B or 1, T, W)."""
        q, k, v = heads(block, qkv(block, x_prefix))
        q_names, k_names, v_names = heads(block, qkv(block, x_names))
        prefix = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        inside = name_attention(q_names, k_names, v_names, k, v, names)
        x_names = x_names + block.ls_1(block.attn.out_proj(merge(inside)))
        x_prefix = x_prefix + block.ls_1(block.attn.out_proj(merge(prefix)))
        x = torch.cat([x_prefix, x_names], dim=1)
        x = x + block.ls_2(mlp(block, x))
        return x.split([x_prefix.shape[1], x_names.shape[1]], dim=1)

    def _last_block(
        self, block: nn.Module, x_prefix: Tensor, x_names: Tensor, names: PackedNames
    ) -> Tensor:
        """The last block at the end positions alone: (B, K, W) in packed order."""
        width = self.width
        w_q, w_kv = block.attn.in_proj_weight.split([width, 2 * width])
        b_q, b_kv = block.attn.in_proj_bias.split([width, 2 * width])
        k, v = heads(block, F.linear(block.ln_1(x_prefix), w_kv, b_kv))
        normed = block.ln_1(x_names)
        k_names, v_names = heads(block, F.linear(normed, w_kv, b_kv))
        (q,) = heads(block, F.linear(normed[:, names.ends], w_q, b_q))  # (B, heads, K, d)
        attended = end_attention(q, k_names, v_names, k, v, names)
        x = x_names[:, names.ends] + block.ls_1(block.attn.out_proj(merge(attended)))
        return x + block.ls_2(mlp(block, x))
