"""Prompts whose names begin with a token of the class's own."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..clip.text.text_encoder import TextEncoder
from ..clip.text.vocabulary import prompt_name, tokenize
from ..errors import UserError
from ..structures import CLIPFeatures
from .base import Prompter, initial_contexts
from .layout import PromptLayout


@MODELS.register_module()
class ClassTokenPrompter(Prompter):
    """CoOp with a learned token of each class: ``[start, v_1 .. v_N, c_k, rest of name, end]``.

    Contexts v are shared; c_k is learned in the place of the first token of name k, from which it
    starts. It is what POLE's code compares with as DeFo, which is not that paper's method.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        num_contexts: N; may be left out with ``init``.
        init: words that the contexts start from; None for random ones.
        suffix: words or marks before the end token.
    """

    depends_on_image = False

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        num_contexts: int | None = None,
        init: str | None = 'a photo of',
        suffix: str = '.',
    ) -> None:
        super().__init__(text_encoder, class_names, suffix)
        self.contexts = initial_contexts(text_encoder, init, num_contexts)  # (N, W)
        self.take_contexts(len(self.contexts))
        tokens = [tokenize(prompt_name(name)) for name in class_names]
        embedding = text_encoder.token_embedding
        first = torch.tensor([name[0] for name in tokens], device=embedding.weight.device)
        self.class_tokens = nn.Parameter(embedding(first).detach().clone())  # (K, W)
        behind = tokenize(suffix) if suffix else []
        rest = [name[1:] for name in tokens]
        self.layout = PromptLayout(rest, len(self.contexts) + 1, 'end', behind)

    def class_tensors(self) -> dict[str, tuple[int, int]]:
        """The token of each class."""
        return {'class_tokens': (0, 0)}

    def with_names(self, class_names: Sequence[str]) -> 'ClassTokenPrompter':
        """Raises UserError: the tokens belong to the classes of the training."""
        raise UserError(
            'ClassTokenPrompter learned a token for each class of the training, so it has none for '
            'others'
        )

    def forward(self, features: CLIPFeatures | None = None) -> Tensor:
        """(1, K, D), not normalised."""
        shared = self.contexts.expand(len(self.class_tokens), -1, -1)
        contexts = torch.cat([shared, self.class_tokens[:, None]], dim=1)  # (K, N + 1, W)
        prompts = self.layout.embed(contexts, self.text_encoder.token_embedding)
        return self.text_encoder(prompts, self.layout.ends)[None]
