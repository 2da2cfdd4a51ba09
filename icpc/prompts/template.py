"""Hand-written prompts."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..alignment import unit_length
from ..clip.text.text_encoder import TextEncoder
from ..clip.text.vocabulary import (
    PackedNames,
    imagenet_templates,
    prompt_name,
    split_shared_prefix,
    tokenize,
)
from ..memory.shared_weights import shared_copy
from ..structures import CLIPFeatures
from .base import BasePrompter


@MODELS.register_module()
class TemplatePrompter(BasePrompter):
    """Sentences with the class name put in: nothing is learned.

    Several sentences are averaged in the joint space, as CLIP does (arXiv 2103.00020, 3.1.4): each
    embedding is normalised, the mean is normalised again. Tower and sentences are constant, so the
    text is encoded again only when a weight of the tower was written to (its version counter) or
    the precision changed.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        template: a text with ``{}`` where the name goes (CLIP: ``'a photo of a {}.'``), a list of
            them, or ``'imagenet'`` for CLIP's 80.

    Raises:
        ValueError: a template without ``{}``, or none at all.
    """

    depends_on_image = False

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        template: str | Sequence[str] = 'a photo of a {}.',
    ) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.ensemble = template == 'imagenet' or not isinstance(template, str)
        if template == 'imagenet':
            template = imagenet_templates()
        templates = [template] if isinstance(template, str) else list(template)
        if not templates:
            raise ValueError('prompter.template is an empty list; give at least one sentence')
        self.templates = templates
        self.sentences = self._sentences(class_names)
        self._kept: tuple[tuple, Tensor] | None = None

    def _sentences(self, class_names: Sequence[str]) -> nn.ModuleList:
        sentences = nn.ModuleList(_Sentence(text, class_names) for text in self.templates)
        for sentence in sentences:
            prefix = 1 + len(sentence.prefix)
            sentence.names.check_budget(prefix, self.text_encoder.num_positions)
        return sentences

    def with_names(self, class_names: Sequence[str]) -> 'TemplatePrompter':
        """The same sentences with other names in them; this prompter stays as it is."""
        sentences = self._sentences(class_names).to(self.text_encoder.positional_embedding.device)
        return shared_copy(self, sentences=sentences, _kept=None)

    def forward(self, features: CLIPFeatures | None = None) -> Tensor:
        """(1, K, D), of length one for several sentences, otherwise not normalised."""
        state = self._tower_state()
        if self._kept is None or self._kept[0] != state:
            self._kept = state, self._encode()
        return self._kept[1]

    @torch.no_grad()
    def _encode(self) -> Tensor:
        encoded = (sentence(self.text_encoder) for sentence in self.sentences)
        if not self.ensemble:
            return next(encoded)
        return unit_length(sum(unit_length(text, dim=-1) for text in encoded), dim=-1)

    def _tower_state(self) -> tuple:
        """Changes with every write to the tower's weights, and with the precision."""
        device = self.text_encoder.positional_embedding.device.type
        modes = torch.is_autocast_enabled(device), torch.is_inference_mode_enabled()
        return modes, tuple((p.data_ptr(), p._version) for p in self.text_encoder.parameters())


class _Sentence(nn.Module):
    """One template with all names put in; what all beginnings share is encoded once."""

    def __init__(self, template: str, class_names: Sequence[str]) -> None:
        super().__init__()
        if template.count('{}') != 1:
            raise ValueError(f'prompter.template needs one {{}} for the class name: {template!r}')
        prompts = [tokenize(template.format(prompt_name(name))) for name in class_names]
        prefix, rest = split_shared_prefix(prompts)
        self.names = PackedNames(class_names, rest)
        self.register_buffer('prefix', torch.tensor(prefix, dtype=torch.long), persistent=False)

    def forward(self, text_encoder: TextEncoder) -> Tensor:
        """(1, K, D), not normalised."""
        return text_encoder(text_encoder.token_embedding(self.prefix)[None], self.names)
