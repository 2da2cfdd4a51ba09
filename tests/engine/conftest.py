"""A toy dataset on disk in ADE20K's layout, and a config of a two-convolution model for it."""

from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from torch import Tensor, nn

CLASSES = ('red', 'green', 'blue')
COLOURS = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200]])
CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@DATASETS.register_module(force=True)
class ToyDataset(BaseSegDataset):
    METAINFO = dict(classes=CLASSES, palette=COLOURS.tolist())

    def __init__(self, img_suffix='.png', reduce_zero_label=True, **kwargs):
        super().__init__(img_suffix=img_suffix, reduce_zero_label=reduce_zero_label, **kwargs)


@MODELS.register_module(force=True)
class ToyBackbone(nn.Module):
    """Two convolutions; from training pass `poison_after` on it gives nan."""

    def __init__(self, width: int = 8, norm: bool = True, poison_after: int | None = None):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.poison_after = poison_after
        self.passes = 0

    def forward(self, images: Tensor) -> tuple[Tensor]:
        features = self.conv2(self.norm(self.conv1(images)).relu()).relu()
        self.passes += self.training
        if self.poison_after is not None and self.passes >= self.poison_after:
            features = features * float('nan')
        return (features,)


def write_split(root: Path, split: str, count: int, rng: np.random.Generator) -> None:
    images, masks = root / 'images' / split, root / 'annotations' / split
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index in range(count):
        ids = rng.integers(0, 4, (2, 2)).repeat(16, 0).repeat(16, 1)  # 0 is unlabelled
        picture = np.concatenate([[[90, 90, 90]], COLOURS])[ids]
        picture = picture + rng.integers(-20, 20, picture.shape)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(images / f'{index:03d}.png')
        Image.fromarray(ids.astype(np.uint8)).save(masks / f'{index:03d}.png')


@pytest.fixture
def toy_root(tmp_path: Path) -> Path:
    root = tmp_path / 'data'
    rng = np.random.default_rng(0)
    for split, count in (('training', 8), ('validation', 3), ('test', 5)):
        write_split(root, split, count, rng)
    return root


_CONFIG = """
_base_ = [
    '{configs}/_base_/default_runtime.py',
    '{configs}/_base_/schedules/adamw_poly.py',
    '{configs}/_base_/datasets/scenes.py',
]
dataset_type = 'ToyDataset'
data_root = '{root}'
crop_size = 32
max_iters = 8
global_batch = 4
gpu_batch = 4
eval_batch = 2
lr = 5e-3
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.0, 117.0, 104.0],
        std=[60.0, 60.0, 60.0],
        bgr_to_rgb=True,
        seg_pad_val=255,
        size=('${{crop_size}}', '${{crop_size}}'),
    ),
    backbone=dict(type='ToyBackbone', width=8),
    decode_head=dict(
        type='FCNHead',
        in_channels=8,
        channels=8,
        num_convs=1,
        num_classes=3,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
"""


@pytest.fixture
def toy_config(tmp_path: Path, toy_root: Path) -> Path:
    path = tmp_path / 'toy.py'
    path.write_text(_CONFIG.format(configs=CONFIGS, root=toy_root))
    return path
