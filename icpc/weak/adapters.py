"""POLE's adapters: small changes of CLIP's embeddings that are learned with the class maps."""

import torch
from torch import Tensor, nn


class Adapter(nn.Module):
    """Mixes an embedding z with what two layers make of it: r * adapter(z) + (1 - r) * z.

    adapter(z) = ReLU(W2 ReLU(W0 z)) without biases. One for pictures and one for texts; z is
    CLIP's embedding before it is normalised, and the result is normalised afterwards.

    Args:
        width: D of the embeddings.
        hidden: Of the layer between; None as published: D / 4.
        start: Of every entry of r.
        learned_ratio: r is a learned vector of D entries that is not held to [0, 1], as published;
            False is POLE's fixed adapter, one number for all.
    """

    def __init__(
        self, width: int, hidden: int | None = None, start: float = 0.2, learned_ratio: bool = True
    ) -> None:
        super().__init__()
        hidden = hidden or max(width // 4, 1)
        self.fc = nn.Sequential(
            nn.Linear(width, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, width, bias=False),
            nn.ReLU(),
        )
        ratio = torch.full((width,), start)
        if learned_ratio:
            self.ratio_vector = nn.Parameter(ratio)
        else:
            self.register_buffer('ratio_vector', ratio)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Mixed embeddings (..., D), not normalised."""
        return self.ratio_vector * self.fc(embeddings) + (1 - self.ratio_vector) * embeddings
