"""What every prompting method shares: the frozen text tower and the class names."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..clip.text_encoder import TextEncoder
from ..clip.vocabulary import PackedNames, tokenize
from ..structures import CLIPFeatures


class Prompter(nn.Module):
    """One module ``prompter(features) -> text`` of shape (B, K, D).

    A new design subclasses this, makes contexts (B, N, W) of the features and returns
    ``self.text_encoder(contexts, self.names)``.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.

    Attributes:
        depends_on_image: False where the text is the same for every picture; it is then encoded
            once per call, not once per window of slide inference.
    """

    depends_on_image = True

    def __init__(self, text_encoder: TextEncoder, class_names: Sequence[str]) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.names = PackedNames.from_names(class_names)

    def forward(self, features: CLIPFeatures) -> Tensor:
        """(B, K, D), not normalised; (1, K, D) if the text does not depend on the image."""
        raise NotImplementedError


def initial_contexts(
    text_encoder: TextEncoder, init: str | None, num_contexts: int | None
) -> nn.Parameter:
    """Learned context tokens (N, W).

    Args:
        text_encoder: the tower whose token embeddings initialise them.
        init: words to start from, such as ``'a photo of a'`` (CoCoOp); None for a truncated normal
            of deviation 1 (DenseCLIP leaves torch's default).
        num_contexts: N; with ``init`` it may be left out, and must otherwise agree.

    Raises:
        ValueError: N is missing, not positive, or not the number of tokens of ``init``.
    """
    if init is None:
        if num_contexts is None or num_contexts < 1:
            raise ValueError(f'prompter.num_contexts must be at least 1, got {num_contexts}')
        return nn.Parameter(nn.init.trunc_normal_(torch.empty(num_contexts, text_encoder.width)))
    tokens = tokenize(init)
    if num_contexts not in (None, len(tokens)):
        raise ValueError(
            f'prompter.init={init!r} has {len(tokens)} tokens but num_contexts is {num_contexts}; '
            'leave num_contexts out, or set init=None'
        )
    return nn.Parameter(text_encoder.token_embedding.weight[tokens].detach().clone())
