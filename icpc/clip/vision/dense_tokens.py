"""The last block of CLIP's ViT as training-free segmentation changes it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..text.text_block import heads, merge, qkv

# Whether the published last block keeps its residual connection and its MLP.
FULL = {'token': True, 'value': True, 'sclip': True, 'clearclip': False, 'naclip': False}
LAST_BLOCKS = ('full', 'reduced')
GAUSSIAN_STD = 5.0  # patches, NACLIP


class DenseRule(NamedTuple):
    """How positions reach the joint space.

    With q, k, v of the last block's ``ln_1(x)``, s of the heads' width and S(a, b) = softmax(s a b)
    over all tokens, the class token included, a position is the output projection of

    - ``'token'``: S(q, k) v, CLIP's own;
    - ``'value'``: v of its own alone (MaskCLIP, arXiv 2112.01071);
    - ``'sclip'``: (S(q, q) + S(k, k)) v, a sum (SCLIP, arXiv 2312.01597);
    - ``'clearclip'``: S(q, q) v (ClearCLIP, arXiv 2407.12442);
    - ``'naclip'``: softmax(s k k + exp(-d^2 / 2 std^2)) v, where d is the distance of two positions
      in patches, and 0 is added for the class token (NACLIP, arXiv 2404.08181).

    A full block adds it to x and goes on to the MLP; a reduced one has neither.
    """

    mode: str
    full: bool
    std: float = 0.0  # 0 adds nothing

    @property
    def is_plain(self) -> bool:
        """Whether it is what the tower itself computes."""
        return self.mode == 'token' and self.full


PLAIN = DenseRule('token', full=True)


def dense_rule(mode: str, last_block: str | None, gaussian_std: float | None) -> DenseRule:
    """The rule of a backbone's options; what they leave open is as published.

    Raises:
        ValueError: an unknown value, or a deviation that the mode does not have.
    """
    if mode not in FULL:
        raise ValueError(
            f'backbone.dense of a CLIPViT must be one of {(*FULL, None)}, got {mode!r}'
        )
    if last_block not in (*LAST_BLOCKS, None):
        raise ValueError(f'backbone.last_block must be one of {LAST_BLOCKS}, got {last_block!r}')
    if gaussian_std is not None and mode != 'naclip':
        raise ValueError(
            f'backbone.gaussian_std={gaussian_std} has no effect with dense={mode!r}; leave it '
            "out, or set backbone.dense='naclip'"
        )
    if gaussian_std is not None and not 0 <= gaussian_std < float('inf'):
        raise ValueError(
            f'backbone.gaussian_std must be a number of patches, 0 for none, got {gaussian_std}'
        )
    std = (GAUSSIAN_STD if gaussian_std is None else gaussian_std) if mode == 'naclip' else 0.0
    return DenseRule(mode, FULL[mode] if last_block is None else last_block == 'full', std)


def dense_tokens(
    block: nn.Module, drop: nn.Module, x: Tensor, size: Sequence[int], rule: DenseRule
) -> Tensor:
    """What the last block makes of each position by a rule.

    Args:
        block: open_clip's last ``ResidualAttentionBlock``.
        drop: its drop path, on the branches of a full block.
        x: (B, 1 + h * w, C) tokens that go into it, the class token first.
        size: (h, w).
        rule: which attention, and what else of the block.

    Returns:
        (B, h * w, C).
    """
    q, k, v = heads(block, qkv(block, x))  # (B, heads, 1 + h * w, d) each
    if rule.mode == 'value':
        attended = v[:, :, 1:]
    else:
        pairs = dict(sclip=[(q, q), (k, k)], clearclip=[(q, q)], naclip=[(k, k)])
        near = _neighbourhood(size, rule.std, q) if rule.std else None
        attended = sum(
            F.scaled_dot_product_attention(a[:, :, 1:], b, v, attn_mask=near)
            for a, b in pairs.get(rule.mode, [(q, k)])
        )
    out = block.ls_1(block.attn.out_proj(merge(attended)))
    if not rule.full:
        return out
    y = x[:, 1:] + drop(out)
    return y + drop(block.ls_2(block.mlp(block.ln_2(y))))


def _neighbourhood(size: Sequence[int], std: float, like: Tensor) -> Tensor:
    """(h * w, 1 + h * w): 1 for a position itself, less with distance; 0 for the class token."""
    places = (torch.arange(side, device=like.device, dtype=torch.float32) for side in size)
    axes = [torch.exp((p[:, None] - p).square() / (-2 * std**2)) for p in places]
    rows, columns = axes
    near = rows[:, None, :, None] * columns[None, :, None, :]  # (h, w, h, w)
    return F.pad(near.flatten(2).flatten(0, 1), (1, 0)).to(like.dtype)
