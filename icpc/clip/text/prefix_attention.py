"""Attention of packed class names to a prefix that they share, and to themselves."""

import torch
from torch import Tensor

from .vocabulary import PackedNames


def name_attention(
    q: Tensor, k: Tensor, v: Tensor, prefix_k: Tensor, prefix_v: Tensor, names: PackedNames
) -> Tensor:
    """Each name token attends to the whole prefix and to the tokens before it in its own name.

    Two matrix products, one against the prefix and one inside the names, share one softmax.

    Args:
        q, k, v: (B or 1, heads, T, d) of the name tokens; 1 where all images share them.
        prefix_k, prefix_v: (B, heads, P, d).
        names: the packing of the T tokens.

    Returns:
        (B, heads, T, d).
    """
    batch, heads, prefix, width = prefix_k.shape
    q = q * width**-0.5
    prefix_scores = q @ prefix_k.transpose(2, 3)  # (B, heads, T, P)
    inside, prefix_weights = [], []
    for start, count, length in names.groups:
        tokens = slice(start, start + count * length)
        shape = (heads, count, length)
        q_i, k_i, v_i = (x[:, :, tokens].unflatten(2, (count, length)) for x in (q, k, v))
        scores = (q_i @ k_i.transpose(3, 4)).masked_fill(
            names.future[:length, :length], float('-inf')
        )
        shared = prefix_scores[:, :, tokens].unflatten(2, (count, length))
        joint = torch.cat([shared, scores.expand(batch, *shape, length)], dim=4).softmax(dim=4)
        to_prefix, to_name = joint.split([prefix, length], dim=4)
        inside.append((to_name.to(v.dtype) @ v_i).flatten(2, 3))
        prefix_weights.append(to_prefix.flatten(2, 3))
    weights = torch.cat(prefix_weights, dim=2).to(prefix_v.dtype)
    return torch.cat(inside, dim=2) + weights @ prefix_v


def end_attention(
    q: Tensor, k: Tensor, v: Tensor, prefix_k: Tensor, prefix_v: Tensor, names: PackedNames
) -> Tensor:
    """The end token of each name attends to the whole prefix and to its whole name.

    Args:
        q: (B or 1, heads, K, d) of the end tokens, in packed order.
        k, v: (B or 1, heads, T, d) of all name tokens.
        prefix_k, prefix_v: (B, heads, P, d).
        names: the packing of the T tokens.

    Returns:
        (B, heads, K, d).
    """
    batch, heads, prefix, width = prefix_k.shape
    q = q * width**-0.5
    prefix_scores = q @ prefix_k.transpose(2, 3)  # (B, heads, K, P)
    inside, prefix_weights = [], []
    first = 0
    for start, count, length in names.groups:
        tokens = slice(start, start + count * length)
        ends = slice(first, first + count)
        first += count
        k_i, v_i = (x[:, :, tokens].unflatten(2, (count, length)) for x in (k, v))
        scores = (q[:, :, ends, None] @ k_i.transpose(3, 4)).squeeze(3)  # (B or 1, heads, n, L)
        scores = scores.expand(batch, heads, count, length)
        joint = torch.cat([prefix_scores[:, :, ends], scores], dim=3).softmax(dim=3)
        to_prefix, to_name = joint.split([prefix, length], dim=3)
        inside.append((to_name[:, :, :, None].to(v.dtype) @ v_i).squeeze(3))
        prefix_weights.append(to_prefix)
    weights = torch.cat(prefix_weights, dim=2).to(prefix_v.dtype)
    return torch.cat(inside, dim=2) + weights @ prefix_v
