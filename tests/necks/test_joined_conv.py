"""A convolution of parts against one of the parts joined."""

import pytest
import torch

from icpc.necks.joined_conv import JoinedConv2d


@pytest.mark.parametrize('channels', [(5, 3), (1, 4, 2)])
def test_values_and_gradients_are_those_of_the_joined_channels(channels):
    torch.manual_seed(0)
    conv = JoinedConv2d(sum(channels), 6, 3, padding=1).double()
    parts = [torch.randn(2, n, 4, 5, dtype=torch.float64, requires_grad=True) for n in channels]
    leaves = [*parts, *conv.parameters()]
    joined = conv(torch.cat(parts, dim=1))
    torch.testing.assert_close(conv(tuple(parts)), joined, rtol=1e-12, atol=1e-12)
    expected = torch.autograd.grad(joined.square().sum(), leaves)
    found = torch.autograd.grad(conv(tuple(parts)).square().sum(), leaves)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


def test_parts_that_do_not_make_up_the_channels_raise():
    with pytest.raises(RuntimeError, match='split'):
        JoinedConv2d(5, 2, 1)((torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1, 1)))
