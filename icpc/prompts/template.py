"""Hand-written prompts."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..clip.text_encoder import TextEncoder
from ..clip.vocabulary import PackedNames, prompt_name, split_shared_prefix, tokenize
from ..structures import CLIPFeatures
from .base import Prompter


@MODELS.register_module()
class TemplatePrompter(Prompter):
    """A sentence with the class name put in: nothing is learned.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        template: a text with ``{}`` where the name goes (CLIP: ``'a photo of a {}.'``).

    Raises:
        ValueError: the template has no ``{}``.
    """

    depends_on_image = False

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        template: str = 'a photo of a {}.',
    ) -> None:
        super().__init__(text_encoder, class_names)
        if template.count('{}') != 1:
            raise ValueError(f'prompter.template needs one {{}} for the class name: {template!r}')
        prompts = [tokenize(template.format(prompt_name(name))) for name in class_names]
        prefix, rest = split_shared_prefix(prompts)
        self.names = PackedNames(class_names, rest)
        self.names.check_budget(1 + len(prefix), text_encoder.num_positions)
        self.register_buffer('prefix', torch.tensor(prefix, dtype=torch.long), persistent=False)

    @torch.no_grad()
    def forward(self, features: CLIPFeatures | None = None) -> Tensor:
        """(1, K, D), not normalised."""
        contexts = self.text_encoder.token_embedding(self.prefix)[None]  # (1, N, W)
        return self.text_encoder(contexts, self.names)
