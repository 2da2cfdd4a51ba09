"""The control without text."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..errors import UserError
from ..structures import CLIPFeatures
from .base import BasePrompter


@MODELS.register_module()
class ClassVectorPrompter(BasePrompter):
    """K learned vectors of the joint space's width in the place of text embeddings.

    What a method gains over this control is what text itself brings: score maps, losses and
    neck stay as they are, and there is no text tower in the model.

    Args:
        class_names: K names; only their number counts.
        embed_dim: D.
        init_std: deviation of the normal that they start from; None for D^-0.5, vectors of about
            length one (our choice).
    """

    depends_on_image = False
    uses_text = False

    def __init__(
        self, class_names: Sequence[str], embed_dim: int, init_std: float | None = None
    ) -> None:
        super().__init__()
        init_std = embed_dim**-0.5 if init_std is None else init_std
        self.vectors = nn.Parameter(init_std * torch.randn(len(class_names), embed_dim))

    def class_tensors(self) -> dict[str, tuple[int, int]]:
        """The vectors (K, D)."""
        return {'vectors': (0, 0)}

    def with_names(self, class_names: Sequence[str]) -> 'ClassVectorPrompter':
        """Raises UserError: a name says nothing to it."""
        raise UserError(
            'ClassVectorPrompter learned a vector for each class of the training and reads no '
            'names, so it has none for others'
        )

    def forward(self, features: CLIPFeatures | None = None) -> Tensor:
        """(1, K, D), not normalised."""
        return self.vectors[None]
