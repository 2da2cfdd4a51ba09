"""Random towers in which every weight matters."""

from collections.abc import Callable

import pytest
import torch
from random_weights import as_if_trained
from torch import nn

from icpc.clip import load_clip


@pytest.fixture
def build_clip() -> Callable[..., nn.Module]:
    def build(model: str | dict) -> nn.Module:
        torch.manual_seed(0)
        return as_if_trained(load_clip(model)).eval()

    return build
