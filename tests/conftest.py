"""Shared by all tests: one thread (faster on small tensors), and tiny CLIPs without a download."""

import copy

import pytest
import torch
from mmseg.utils import register_all_modules

import icpc  # noqa: F401  (registers every module)

torch.set_num_threads(1)
register_all_modules(init_default_scope=True)

_TEXT = dict(width=32, heads=2, layers=2, context_length=24)
TINY_RESNET = dict(
    embed_dim=32,
    quick_gelu=True,
    vision_cfg=dict(layers=[1, 1, 1, 1], width=8, head_width=32, image_size=64, patch_size=None),
    text_cfg=_TEXT,
)
TINY_VIT = dict(
    embed_dim=32,
    vision_cfg=dict(layers=4, width=32, head_width=16, image_size=64, patch_size=16),
    text_cfg=_TEXT,
)


@pytest.fixture
def tiny_resnet_cfg() -> dict:
    return copy.deepcopy(TINY_RESNET)


@pytest.fixture
def tiny_vit_cfg() -> dict:
    return copy.deepcopy(TINY_VIT)
