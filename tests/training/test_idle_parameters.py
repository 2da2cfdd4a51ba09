"""Trainable parameters that no loss depends on are named before the first backward pass."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from icpc.errors import UserError
from icpc.training import idle_parameters as module
from icpc.training.idle_parameters import check_all_train, idle_parameters


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.listed, self.logged, self.idle = (nn.Linear(2, 2) for _ in range(4))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def forward(self, x, mode='loss'):
        if mode != 'loss':
            return x
        again = checkpoint(self.used, x, use_reentrant=False)
        parts = [self.listed(x).sum(), x.sum()]
        return {'loss': again.sum(), 'parts_loss': parts, 'accuracy': self.logged(x).sum()}


IDLE = ['logged.weight', 'logged.bias', 'idle.weight', 'idle.bias']


def test_they_are_found_behind_recomputed_parts_and_lists():
    net = Net()
    assert idle_parameters(net, net(torch.randn(3, 2))) == IDLE


def test_one_process_is_told(monkeypatch):
    told = []
    monkeypatch.setattr(module, 'say', told.append)
    net = Net()
    check_all_train(net, net(torch.randn(1, 2)), refuse=False)
    assert told == [
        f'no loss depends on 4 trainable parameters: {", ".join(IDLE)}; they stay as they are'
    ]


def test_ranks_refuse(monkeypatch):
    monkeypatch.setattr(module, '_NAMED', 1)
    net = Net()
    losses = net(torch.randn(1, 2))
    with pytest.raises(
        UserError, match=r'4 trainable parameters: logged.weight, \.\.\. Ranks would'
    ):
        check_all_train(net, losses, refuse=True)
    net.idle.requires_grad_(False)
    net.logged.requires_grad_(False)
    check_all_train(net, losses, refuse=True)
