"""ICPC's prompts: conditioned on the picture."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..clip.text.text_encoder import TextEncoder
from ..structures import CLIPFeatures
from .base import Prompter, initial_contexts
from .generators import CrossAttentionNet, MetaNet

_MODES = ('add', 'concat', 'attend')


@MODELS.register_module()
class InstancePrompter(Prompter):
    """Instance-conditioned prompts of ICPC (arXiv 2308.07078), our reading.

    The paper conditions learned vectors v on the picture x; how is settled by no public source:

    - ``'add'``: v_n + g_n(pooled(x)), as CoCoOp, one shared g or one per token;
    - ``'concat'``: [v_1 .. v_N, u_1(x) .. u_M(x)], with u_m(x) = u_m + g_m(pooled(x));
    - ``'attend'``: v_n + g_n, g from learned queries that cross-attend to [pooled; dense].

    g's output layer starts at zero, so that the first step equals static prompts exactly.

    Args:
        text_encoder: CLIP's frozen text tower.
        class_names: K names.
        mode: ``'add'``, ``'concat'`` or ``'attend'``.
        num_contexts: N; may be left out with ``init``.
        init: words that v starts from.
        num_instance: M, the image-specific tokens of ``'concat'``.
        per_token: ``'add'``: a vector for each token instead of a shared one.
        hidden: inner width of g; None for the field's default (D / 16, or W with ``'attend'``).
        heads: attention heads of ``'attend'``.
        condition: ``'image'``, or ``'constant'``: g sees the same constant for every picture, the
            control that has ICPC's parameters but no instance.

    Raises:
        ValueError: unknown mode or condition, or names too long for the text tower.
    """

    def __init__(
        self,
        text_encoder: TextEncoder,
        class_names: Sequence[str],
        mode: str = 'add',
        num_contexts: int | None = None,
        init: str | None = 'a photo of a',
        num_instance: int = 4,
        per_token: bool = False,
        hidden: int | None = None,
        heads: int = 4,
        condition: str = 'image',
    ) -> None:
        super().__init__(text_encoder, class_names)
        if mode not in _MODES:
            raise ValueError(f'prompter.mode must be one of {_MODES}, got {mode!r}')
        if condition not in ('image', 'constant'):
            raise ValueError(f"prompter.condition must be 'image' or 'constant', got {condition!r}")
        self.mode = mode
        self.depends_on_image = condition == 'image'
        self.contexts = initial_contexts(text_encoder, init, num_contexts)  # (N, W)
        size = text_encoder.embed_dim, text_encoder.width
        if mode == 'add':
            tokens = len(self.contexts) if per_token else 1
        elif mode == 'concat':
            tokens = num_instance
            # (M, W); our choice of 0.02: the deviation of CLIP's token embeddings
            self.instance_contexts = initial_contexts(text_encoder, None, num_instance, std=0.02)
        else:
            tokens = len(self.contexts)
        if mode == 'attend':
            self.generator = CrossAttentionNet(size[0], tokens, size[1], heads, hidden)
        else:
            self.generator = MetaNet(size[0], tokens, size[1], hidden)
        length = len(self.contexts) + (num_instance if mode == 'concat' else 0)
        self.take_contexts(length)

    def forward(self, features: CLIPFeatures | None) -> Tensor:
        """(B, K, D), not normalised; (1, K, D) with ``condition='constant'``."""
        return self.text_encoder(self.contexts_of(features), self.names)

    def contexts_of(self, features: CLIPFeatures | None) -> Tensor:
        """(B, N, W), or (B, N + M, W) with ``'concat'``."""
        if not self.depends_on_image:
            ones = torch.ones(1, self.text_encoder.embed_dim).to(self.contexts)
            features = CLIPFeatures((), ones[:, :, None, None], ones)
        made = self.generator(features)  # (B, tokens, W)
        if self.mode != 'concat':
            return self.contexts + made
        shared = self.contexts.expand(made.shape[0], -1, -1)
        return torch.cat([shared, self.instance_contexts + made], dim=1)
