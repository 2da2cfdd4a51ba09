"""Models for the page: the packaged example, and one whose head has a fixed classifier."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from random_weights import as_if_trained
from tiny_clips import TINY_VIT

import icpc
from icpc.datasets.scenes.composition import generate_scene
from icpc.inference.predictor import Predictor
from icpc.serving.answer import Served


@pytest.fixture(scope='session')
def scenes() -> Served:
    return Served('scenes', icpc.load_model('scenes', device='cpu'))


@pytest.fixture(scope='session')
def fixed() -> Served:
    """Three classes, two of them of the scenes."""
    names = ['sky', 'sea', 'moon']
    torch.manual_seed(0)
    config = dict(
        type='CLIPSegmentor',
        clip=dict(model=TINY_VIT),
        class_names=names,
        data_preprocessor=dict(type='SegDataPreProcessor', bgr_to_rgb=True),
        backbone=dict(type='CLIPViT', norm_cfg=dict(type='GN', num_groups=2)),
        prompter=dict(type='TemplatePrompter', template='a {}.'),
        neck=dict(type='MultiScaleAlignment', levels=[0, 2], out_channels=8),
        decode_head=dict(type='SemanticFPNHead', channels=8, norm_cfg=None),
    )
    model = as_if_trained(MODELS.build(config)).eval()
    steps = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    palette = np.arange(9, dtype=np.uint8).reshape(3, 3)
    return Served('fixed', Predictor(model, Config(dict(test_pipeline=steps)), names, palette))


@pytest.fixture(scope='session')
def picture() -> np.ndarray:
    """(128, 128, 3): grass, sky, forest, a house, a person and a balloon."""
    return generate_scene('test', 2).image
