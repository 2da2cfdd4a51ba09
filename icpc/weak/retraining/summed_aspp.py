"""DeepLabV2's head."""

from collections.abc import Sequence

from torch import Tensor, nn


class SummedASPP(nn.Module):
    """DeepLabV2's head: the sum of 3 x 3 convolutions of several dilations.

    Args:
        in_channels: of the features.
        num_classes: K.
        rates: the dilations.
    """

    def __init__(self, in_channels: int, num_classes: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.names = [f'c{index}' for index in range(len(rates))]
        for name, rate in zip(self.names, rates, strict=True):
            conv = nn.Conv2d(in_channels, num_classes, 3, padding=rate, dilation=rate)
            nn.init.normal_(conv.weight, std=0.01)
            nn.init.zeros_(conv.bias)
            self.add_module(name, conv)

    def class_tensors(self) -> dict[str, tuple[int, int]]:
        """The dimension of the classes in each of its tensors, and where they begin in it."""
        return dict.fromkeys(self.state_dict(), (0, 0))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, K, h, w) of features (B, C, h, w)."""
        return sum(getattr(self, name)(features) for name in self.names)
