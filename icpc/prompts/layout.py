"""Prompts that share no prefix: contexts of a class's own, or around the name."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..clip.text.vocabulary import END, START

POSITIONS = ('end', 'middle', 'front')
_TOKEN = -1  # marks a place that holds a token, not a context


class PromptLayout(nn.Module):
    """Where the contexts and the tokens of K whole prompts stand.

    CoOp's three orders: ``end`` [start, v, name, end], ``middle`` [start, first half of v, name,
    second half, end], ``front`` [start, name, v, end]; a suffix stands right before the end token.

    Args:
        names: tokens of K names.
        num_contexts: N.
        position: ``'end'``, ``'middle'`` or ``'front'``, where the name stands.
        suffix: tokens before the end token.

    Attributes:
        ids: (K, L) token ids, 0 at contexts and behind the end.
        places: (K, L) index of the context, -1 at tokens.
        ends: (K,) index of each end token.

    Raises:
        ValueError: unknown position.
    """

    def __init__(
        self,
        names: Sequence[Sequence[int]],
        num_contexts: int,
        position: str,
        suffix: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if position not in POSITIONS:
            raise ValueError(f'prompter.name_position must be one of {POSITIONS}, got {position!r}')
        before = {'end': num_contexts, 'middle': num_contexts // 2, 'front': 0}[position]
        contexts = list(range(num_contexts))
        ids, places = [], []
        for name in names:
            row = [_TOKEN, *contexts[:before], *[_TOKEN] * len(name), *contexts[before:]]
            places.append([*row, *[_TOKEN] * (len(suffix) + 1)])
            behind = [0] * (num_contexts - before)
            ids.append([START, *[0] * before, *name, *behind, *suffix, END])
        ends = [len(row) - 1 for row in ids]
        length = max(ends) + 1
        for name, rows, filler in (('ids', ids, 0), ('places', places, _TOKEN)):
            padded = [row + [filler] * (length - len(row)) for row in rows]
            self.register_buffer(name, torch.tensor(padded), persistent=False)
        self.register_buffer('ends', torch.tensor(ends), persistent=False)

    def embed(self, contexts: Tensor, embedding: nn.Embedding) -> Tensor:
        """(K or 1, N, W) contexts -> (K, L, W) whole prompts, positions not yet added."""
        contexts = contexts.expand(len(self.ids), -1, -1)
        index = self.places.clamp(min=0)[:, :, None].expand(-1, -1, contexts.shape[2])
        is_token = (self.places == _TOKEN)[:, :, None]
        return torch.where(is_token, embedding(self.ids), contexts.gather(1, index))
