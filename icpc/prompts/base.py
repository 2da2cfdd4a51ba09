"""What every prompting method shares: the frozen text tower and the class names."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..clip.text.text_encoder import TextEncoder
from ..clip.text.vocabulary import PackedNames, tokenize
from ..structures import CLIPFeatures


class BasePrompter(nn.Module):
    """One module ``prompter(features) -> text`` of shape (B, K, D).

    ``prompter(features)`` equals ``prompter.refine(prompter.static_text(), features)`` wherever
    there is a static text; slide inference encodes that once per call, not once per window.

    Attributes:
        depends_on_image: False where the text is the same for every picture.
        uses_text: whether the model needs CLIP's text tower for it; it is built with
            ``text_encoder`` and ``class_names``, otherwise with ``class_names`` and ``embed_dim``.
    """

    depends_on_image = True
    uses_text = True

    @property
    def uses_pooled(self) -> bool:
        """Whether the text depends on the picture's pooled embedding."""
        return self.depends_on_image

    def static_text(self) -> Tensor | None:
        """(1, K, D), what does not depend on the picture; None where all of the text does."""
        return None if self.depends_on_image else self(None)

    def refine(self, text: Tensor, features: CLIPFeatures) -> Tensor:
        """From the static text (1, K, D) to the text (B or 1, K, D) of these pictures."""
        return text

    def forward(self, features: CLIPFeatures | None) -> Tensor:
        """(B, K, D), not normalised; (1, K, D) if the text does not depend on the image."""
        raise NotImplementedError


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
        self.names = PackedNames.from_names(class_names, suffix)


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
