"""Learned prompts that are the same for every picture."""

from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import Tensor

from ..clip.text_encoder import TextEncoder
from ..structures import CLIPFeatures
from .base import Prompter, initial_contexts


@MODELS.register_module()
class StaticPrompter(Prompter):
    """CoOp's unified contexts: ``[start, v_1 .. v_N, name, end]``, v learned (arXiv 2109.01134).

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        num_contexts: N (DenseCLIP: 8; CoOp: 16 or 4).
        init: words that the contexts start from, instead of random ones.
    """

    depends_on_image = False

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        num_contexts: int | None = None,
        init: str | None = 'a photo of a',
    ) -> None:
        super().__init__(text_encoder, class_names)
        self.contexts = initial_contexts(text_encoder, init, num_contexts)  # (N, W)
        self.names.check_budget(1 + len(self.contexts), text_encoder.num_positions)

    def forward(self, features: CLIPFeatures | None = None) -> Tensor:
        """(1, K, D), not normalised."""
        return self.text_encoder(self.contexts[None], self.names)
