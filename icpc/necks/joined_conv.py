"""A convolution whose input channels lie in several tensors."""

from torch import Tensor, nn


class JoinedConv2d(nn.Conv2d):
    """A convolution of one tensor, or of several as if their channels were joined to one.

    The joined tensor is not made: every part meets its own columns of the weight, and the results
    are added up. That spares its memory, and the parts' in the backward pass.
    """

    def forward(self, parts: Tensor | tuple[Tensor, ...]) -> Tensor:
        """(B, out, h, w) from (B, C, h, w), or from parts (B, C_j, h, w) whose C_j add up to C."""
        if isinstance(parts, Tensor):
            return super().forward(parts)
        weights = self.weight.split([part.shape[1] for part in parts], dim=1)
        result = self._conv_forward(parts[0], weights[0], self.bias)
        for part, weight in zip(parts[1:], weights[1:], strict=True):
            result.add_(self._conv_forward(part, weight, None))
        return result
