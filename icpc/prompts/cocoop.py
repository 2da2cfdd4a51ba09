"""CoCoOp: one image-conditioned bias on all contexts."""

from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import Tensor

from ..clip.text.text_encoder import TextEncoder
from ..structures import CLIPFeatures
from .base import Prompter, initial_contexts
from .generators import MetaNet


@MODELS.register_module()
class CoCoOpPrompter(Prompter):
    """CoCoOp (arXiv 2203.05557): ``[start, v_1 + b(x) .. v_N + b(x), name, '.', end]``.

    b(x) = meta-net(x), x the pooled embedding of length one; Linear(D, D / 16), ReLU,
    Linear(D / 16, W), from torch's default initialisation, so that the first step already depends
    on the picture.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        num_contexts: N; may be left out with ``init``.
        init: words that the contexts start from; None for random ones of deviation 0.02 (CoOp).
        hidden: inner width of the meta-net; None for D / 16.
        suffix: between name and end token.
    """

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        num_contexts: int | None = None,
        init: str | None = 'a photo of a',
        hidden: int | None = None,
        suffix: str = '.',
    ) -> None:
        super().__init__(text_encoder, class_names, suffix)
        self.contexts = initial_contexts(text_encoder, init, num_contexts, std=0.02)  # (N, W)
        self.take_contexts(len(self.contexts))
        self.meta_net = MetaNet(
            text_encoder.embed_dim, 1, text_encoder.width, hidden=hidden, zero=False
        )

    def forward(self, features: CLIPFeatures) -> Tensor:
        """(B, K, D), not normalised."""
        return self.text_encoder(self.contexts + self.meta_net(features), self.names)
