"""A toy dataset on disk in ADE20K's layout, and a config of a two-convolution model for it."""

from pathlib import Path

import numpy as np
from PIL import Image
from toy_parts import COLOURS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def write_split(root: Path, split: str, count: int, rng: np.random.Generator, low: int) -> None:
    images, masks = root / 'images' / split, root / 'annotations' / split
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index in range(count):
        ids = rng.integers(low, 4, (2, 2)).repeat(16, 0).repeat(16, 1)  # 0 is unlabelled
        picture = np.concatenate([[[90, 90, 90]], COLOURS])[ids]
        picture = picture + rng.integers(-20, 20, picture.shape)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(images / f'{index:03d}.png')
        Image.fromarray(ids.astype(np.uint8)).save(masks / f'{index:03d}.png')


def write_data(root: Path, low: int) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (('training', 8), ('validation', 3), ('test', 5)):
        write_split(root, split, count, rng, low)
    return root


_CONFIG = """
_base_ = [
    '{configs}/_base_/default_runtime.py',
    '{configs}/_base_/schedules/adamw_poly.py',
    '{configs}/_base_/datasets/scenes.py',
]
custom_imports = dict(imports=['icpc', 'toy_parts'])
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


def write_config(folder: Path, low: int) -> Path:
    root = write_data(folder / 'data', low)
    path = folder / 'toy.py'
    path.write_text(_CONFIG.format(configs=CONFIGS, root=root))
    return path


_CLIP_CONFIG = """
_base_ = ['{toy}']
model = dict(
    _delete_=True,
    type='CLIPSegmentor',
    class_names='${{class_names}}',
    clip=dict(model={clip}),
    backbone=dict(type='CLIPViT', norm_cfg=dict(type='GN', num_groups=2)),
    prompter=dict(type='InstancePrompter'),
    neck=dict(type='MultiScaleAlignment', levels=[2], out_channels=8),
    decode_head=dict(type='SemanticFPNHead', channels=8, norm_cfg=None,
                     loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    losses=dict(score_map=dict(type='ScoreMapLoss')),
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[123.0] * 3, std=[60.0] * 3,
                           bgr_to_rgb=True, seg_pad_val=255, size=(32, 32)),
    test_cfg=dict(mode='whole'),
)
"""


def write_clip_config(folder: Path, toy: Path, clip: dict) -> Path:
    """A model with text on the toy data of another config."""
    path = folder / 'clip.py'
    path.write_text(_CLIP_CONFIG.format(toy=toy, clip=clip))
    return path
