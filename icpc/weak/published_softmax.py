"""The softmax of DenseCRF's published code, to the last bit."""

import torch
from torch import Tensor

_PACKET = 4  # floats that Eigen takes at once
_LOG2E, _LN2_HIGH, _LN2_LOW = 1.44269504088896341, 0.693359375, -2.12194440e-4
_CEPHES = (  # of Eigen's exp, highest power first
    *(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2),
    *(1.6666665459e-1, 5.0000001201e-1),
)
_STEPS = 32  # of the table of glibc's expf; its polynomial, highest power first
_GLIBC = (
    *(float.fromhex('0x1.c6af84b912394p-5'), float.fromhex('0x1.ebfce50fac4f3p-3')),
    float.fromhex('0x1.62e42ff0c52d6p-1'),
)


def published_softmax(scores: Tensor) -> Tensor:
    """Softmax over the classes (P, C) in the order and the rounding of the published sums.

    A mean field amplifies the last bit: with another exponential ten steps end 1e-4 apart at single
    pixels. In float64, and on a GPU, it is torch's own.

    Args:
        scores: (P, C).
    """
    if scores.dtype != torch.float32 or scores.is_cuda:
        return scores.softmax(1)
    below = scores - scores.amax(1, keepdim=True)
    whole = below.shape[1] // _PACKET * _PACKET
    powers = torch.cat([_eigen_exp(below[:, :whole]), _glibc_exp(below[:, whole:])], 1)
    return powers / _eigen_sum(powers, whole)[:, None]


def _eigen_exp(values: Tensor) -> Tensor:
    """Eigen's exponential of packets, after Cephes; each operation rounds to float32."""
    values = values.clamp(min=-88.3762626647949)
    power = (values * _LOG2E + 0.5).floor()
    rest = values - power * _LN2_HIGH - power * _LN2_LOW
    result = torch.full_like(rest, _CEPHES[0])
    for factor in _CEPHES[1:]:
        result = result * rest + factor
    return (result * (rest * rest) + rest + 1) * torch.exp2(power)


def _glibc_exp(values: Tensor) -> Tensor:
    """The C library's expf, which reckons in float64."""
    steps = values.double() * (_STEPS / torch.tensor(2.0).double().log())
    whole = steps.round()
    rest = steps - whole
    a, b, c = (factor / _STEPS**power for factor, power in zip(_GLIBC, (3, 2, 1), strict=True))
    return (((a * rest + b) * (rest * rest) + (c * rest + 1)) * torch.exp2(whole / _STEPS)).float()


def _eigen_sum(values: Tensor, whole: int) -> Tensor:
    """Row sums: of every other packet, of both, of the halves of a packet, then of what is left."""
    packets = values[:, :whole].unflatten(1, (-1, _PACKET)).unbind(1) if whole else ()
    total = torch.zeros_like(values[:, 0])
    if packets:
        sums = list(packets[:2])
        for index, packet in enumerate(packets[2 : len(packets) // 2 * 2]):
            sums[index % 2] = sums[index % 2] + packet
        found = sums[0] + sums[1] if len(sums) > 1 else sums[0]
        if len(packets) > 2 and len(packets) % 2:
            found = found + packets[-1]
        total = (found[:, 0] + found[:, 2]) + (found[:, 1] + found[:, 3])
    for column in values[:, whole:].unbind(1):
        total = total + column
    return total
