"""Shared by all tests: one thread (faster on small tensors), and tiny CLIPs without a download."""

import copy

import pytest
import torch
from mmseg.utils import register_all_modules
from tiny_clips import TINY_RESNET, TINY_VIT

import icpc  # noqa: F401  (registers every module)

torch.set_num_threads(1)
register_all_modules(init_default_scope=True)


@pytest.fixture
def tiny_resnet_cfg() -> dict:
    return copy.deepcopy(TINY_RESNET)


@pytest.fixture
def tiny_vit_cfg() -> dict:
    return copy.deepcopy(TINY_VIT)
