"""Prompting after the text tower: the picture refines finished text embeddings."""

from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import Tensor, nn

from ..clip.text.text_encoder import TextEncoder
from ..memory.shared_weights import shared_copy
from ..parts import BasePrompter
from ..structures import CLIPFeatures
from .context_decoder import PostModelRefiner
from .static import StaticPrompter

_DENSECLIP_CONTEXTS = 8  # DenseCLIP: 13 positions, 5 of them for start, name and end


class _RefinedPrompter(BasePrompter):
    """A prompter whose text a context decoder refines: ``refine(pre(features), features)``."""

    def __init__(self, pre: BasePrompter, refiner: PostModelRefiner) -> None:
        super().__init__()
        self.pre = pre
        self.refiner = refiner

    @property
    def text_tower(self) -> nn.Module | None:
        """That of the prompter before the decoder."""
        return self.pre.text_tower

    def with_names(self, class_names: Sequence[str]) -> '_RefinedPrompter':
        """The same decoder behind the prompter for other names."""
        return shared_copy(self, pre=self.pre.with_names(class_names))

    def static_text(self) -> Tensor | None:
        """(1, K, D) before the decoder, where it does not depend on the picture."""
        return self.pre.static_text()

    def refine(self, text: Tensor, features: CLIPFeatures) -> Tensor:
        """(B or 1, K, D) -> (B, K, D)."""
        return self.refiner(text, features)

    def forward(self, features: CLIPFeatures) -> Tensor:
        """(B, K, D), not normalised."""
        return self.refine(self.pre(features), features)


@MODELS.register_module()
class PostModelPrompter(_RefinedPrompter):
    """DenseCLIP's post-model prompting (arXiv 2112.01518): static text, then a context decoder.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        num_contexts: N learned contexts, shared by all classes; with neither this nor ``init``, 8
            (DenseCLIP).
        init: words that the contexts start from, instead of random ones (DenseCLIP).
        width, heads, layers, dropout, gamma: see :class:`PostModelRefiner`.
    """

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        num_contexts: int | None = None,
        init: str | None = None,
        width: int = 256,
        heads: int = 4,
        layers: int = 3,
        dropout: float = 0.1,
        gamma: float = 1e-4,
    ) -> None:
        if num_contexts is None and init is None:
            num_contexts = _DENSECLIP_CONTEXTS
        super().__init__(
            StaticPrompter(text_encoder, class_names, num_contexts, init),
            PostModelRefiner(text_encoder.embed_dim, width, heads, layers, dropout, gamma),
        )


@MODELS.register_module()
class PrePostPrompter(_RefinedPrompter):
    """Any prompter before the text tower, and DenseCLIP's context decoder behind it.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        pre: the prompter before; by default ICPC's, with its own defaults.
        width, heads, layers, dropout, gamma: see :class:`PostModelRefiner`.
    """

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        pre: dict | None = None,
        width: int = 256,
        heads: int = 4,
        layers: int = 3,
        dropout: float = 0.1,
        gamma: float = 1e-4,
    ) -> None:
        pre = dict(type='InstancePrompter') if pre is None else dict(pre)
        given = dict(text_encoder=text_encoder, class_names=class_names)
        super().__init__(
            MODELS.build(pre, default_args=given),
            PostModelRefiner(text_encoder.embed_dim, width, heads, layers, dropout, gamma),
        )
