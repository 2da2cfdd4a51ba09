"""What every prompting method shares: the frozen text tower and the class names."""

from collections.abc import Sequence

import torch
from torch import nn

from ..clip.text.text_encoder import TextEncoder
from ..clip.text.vocabulary import PackedNames, tokenize
from ..memory.shared_weights import shared_copy
from ..parts import BasePrompter


class Prompter(BasePrompter):
    """A prompter with CLIP's text tower and the packed class names.

    A new design subclasses this, makes contexts (B, N, W) of the features and returns
    ``self.text_encoder(contexts, self.names)``.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        suffix: words or marks between the name and the end token (CoOp's code: ``'.'``).
    """

    def __init__(
        self, text_encoder: TextEncoder, class_names: Sequence[str], suffix: str = ''
    ) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.suffix = suffix
        self.prefix = 1
        self.names = PackedNames.from_names(class_names, suffix)

    def take_contexts(self, count: int) -> None:
        """Note that so many contexts stand before the names, which have to fit behind them.

        Raises:
            ValueError: names that do not.
        """
        self.prefix = 1 + count  # with the start token
        self.names.check_budget(self.prefix, self.text_encoder.num_positions)

    def with_names(self, class_names: Sequence[str]) -> 'Prompter':
        """The same contexts in front of other names; this prompter stays as it is."""
        names = PackedNames.from_names(class_names, self.suffix)
        names.check_budget(self.prefix, self.text_encoder.num_positions)
        return shared_copy(self, names=names.to(self.names.ids.device))

    @property
    def text_tower(self) -> TextEncoder:
        """The tower itself."""
        return self.text_encoder


def initial_contexts(
    text_encoder: TextEncoder, init: str | None, num_contexts: int | None, std: float = 1.0
) -> nn.Parameter:
    """Learned context tokens (N, W).

    Args:
        text_encoder: the tower whose token embeddings initialise them.
        init: words to start from, such as ``'a photo of a'`` (CoCoOp); None for a truncated normal.
        num_contexts: N; with ``init`` it may be left out, and must otherwise agree.
        std: deviation of the truncated normal: 1 (DenseCLIP leaves torch's default), CoOp 0.02.

    Raises:
        ValueError: N is missing, not positive, or not the number of tokens of ``init``.
    """
    if init is None:
        if num_contexts is None or num_contexts < 1:
            raise ValueError(f'prompter.num_contexts must be at least 1, got {num_contexts}')
        contexts = nn.init.trunc_normal_(torch.empty(num_contexts, text_encoder.width))
        return nn.Parameter(std * contexts)
    tokens = tokenize(init)
    if num_contexts not in (None, len(tokens)):
        raise ValueError(
            f'prompter.init={init!r} has {len(tokens)} tokens but num_contexts is {num_contexts}; '
            'leave num_contexts out, or set init=None'
        )
    return nn.Parameter(text_encoder.token_embedding.weight[tokens].detach().clone())
