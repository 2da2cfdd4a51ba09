"""Learned prompts that are the same for every picture."""

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
class StaticPrompter(Prompter):
    """CoOp's learned contexts (arXiv 2109.01134): ``[start, v_1 .. v_N, name, end]``.

    Contexts shared by all classes before the name go the shared way of :class:`TextEncoder`.
    Contexts of a class's own, and contexts behind the name, share no prefix: they take the plain
    way, K whole prompts padded to the longest, which is as exact and costs more.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        num_contexts: N (DenseCLIP: 8; CoOp: 16 or 4).
        init: words that the contexts start from, instead of random ones.
        init_std: deviation of random ones: 1 (DenseCLIP), CoOp 0.02.
        class_specific: contexts of its own for each class, instead of shared ones.
        name_position: ``'end'``, ``'middle'`` or ``'front'``.
        suffix: words or marks before the end token (CoOp's code: ``'.'``; DenseCLIP: none).

    Raises:
        ValueError: contexts without tokens, an unknown position, or names too long.
    """

    depends_on_image = False

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        num_contexts: int | None = None,
        init: str | None = 'a photo of a',
        init_std: float = 1.0,
        class_specific: bool = False,
        name_position: str = 'end',
        suffix: str = '',
    ) -> None:
        super().__init__(text_encoder, class_names, suffix)
        drawn = [
            initial_contexts(text_encoder, init, num_contexts, init_std)
            for _ in (class_names if class_specific else class_names[:1])
        ]
        # (K, N, W) of the classes' own, or (N, W) shared
        self.contexts = nn.Parameter(torch.stack(drawn).detach()) if class_specific else drawn[0]
        self.name_position = name_position
        self.take_contexts(len(drawn[0]))
        self.layout = None
        if class_specific or name_position != 'end':
            self.layout = self._layout(class_names)

    def class_tensors(self) -> dict[str, tuple[int, int]]:
        """The contexts, where each class has its own."""
        return {'contexts': (0, 0)} if self.contexts.dim() == 3 else {}

    def _layout(self, class_names: Sequence[str]) -> PromptLayout:
        tokens = [tokenize(prompt_name(name)) for name in class_names]
        behind = tokenize(self.suffix) if self.suffix else []
        return PromptLayout(tokens, self.contexts.shape[-2], self.name_position, behind)

    def with_names(self, class_names: Sequence[str]) -> 'StaticPrompter':
        """The same contexts around other names.

        Raises:
            UserError: each class of the training has contexts of its own.
        """
        if self.contexts.dim() == 3:
            raise UserError(
                'StaticPrompter learned contexts of its own for each class (class_specific=True), '
                'so it has none for other names'
            )
        other = super().with_names(class_names)
        if self.layout is not None:
            other.layout = self._layout(class_names).to(self.contexts.device)
        return other

    def forward(self, features: CLIPFeatures | None = None) -> Tensor:
        """(1, K, D), not normalised."""
        if self.layout is None:
            return self.text_encoder(self.contexts[None], self.names)
        prompts = self.layout.embed(self.contexts, self.text_encoder.token_embedding)  # (K, L, W)
        return self.text_encoder(prompts, self.layout.ends)[None]
