"""Whole models of the base configs, on a tiny CLIP."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from random_weights import as_if_trained
from torch import Tensor

from icpc.segmentors import CLIPSegmentor

BASES = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'models'
NAMES = ['wall', 'traffic light', 'swimming pool', 'sky', 'sea']


@pytest.fixture
def build(tiny_resnet_cfg: dict, tiny_vit_cfg: dict) -> Callable[..., CLIPSegmentor]:
    """Keyword arguments override parts of the base config, as a config file would."""

    def make(tower: str = 'resnet', base: str = 'icpc', **parts: object) -> CLIPSegmentor:
        torch.manual_seed(0)
        config = Config.fromfile(BASES / f'{base}.py')
        del config.model['data_preprocessor']
        clip = dict(resnet=tiny_resnet_cfg, vit=tiny_vit_cfg)[tower]
        # '${...}' that only a whole config resolves
        config.model.decode_head.norm_cfg = {}
        config.model.held_out_classes = None
        for part in (config.model.decode_head, *config.model.get('losses', {}).values()):
            if 'ignore_index' in part:
                part.ignore_index = 255
        small = dict(
            clip=dict(model=clip, _delete_=True),
            class_names=NAMES,
            neck=dict(out_channels=16),
            decode_head=dict(channels=16, norm_cfg=dict(type='BN')),
            test_cfg=dict(mode='whole', keep_logits=True, _delete_=True),
        )
        config.merge_from_dict(dict(model=small))
        config.merge_from_dict(dict(model=deepcopy(parts)))
        return _lively(MODELS.build(config.model))

    return make


def _lively(model: CLIPSegmentor) -> CLIPSegmentor:
    """Predictions and score maps that vary from place to place."""
    as_if_trained(model.backbone)
    as_if_trained(model.decode_head)
    return model


@pytest.fixture
def batch() -> tuple[Tensor, list[SegDataSample]]:
    """Two pictures of 64 x 96 with labels, some ignored."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (2, 1, 64, 96), generator=generator)
    labels[:, :, :8] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=picture)) for picture in labels]
    return torch.randn(2, 3, 64, 96, generator=generator), samples
