"""Any backbone beside CLIP's text tower."""

import pytest
import timm
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from icpc.backbones import ImageNetBackbone
from icpc.clip import load_clip

NETWORKS = [
    ('resnet18', dict(heads=4), (64, 128, 256, 512)),
    ('swin_tiny_patch4_window7_224', dict(heads=4), (96, 192, 384, 768)),
    ('convnext_atto', dict(heads=4), (40, 80, 160, 320)),
]


def _visual(clip: dict) -> nn.Module:
    return load_clip(clip).visual


@pytest.mark.parametrize(('model', 'options', 'channels'), NETWORKS)
def test_pyramid_and_embeddings_at_any_size(tiny_vit_cfg, model, options, channels):
    torch.manual_seed(0)
    backbone = ImageNetBackbone(_visual(tiny_vit_cfg), model, pretrained=False, **options).eval()
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, 90, 150))  # padded to 96 x 160
    shapes = [tuple(level.shape) for level in features.pyramid]
    grids = ((24, 40), (12, 20), (6, 10), (3, 5))
    assert shapes == [(2, c, *grid) for c, grid in zip(channels, grids, strict=True)]
    assert features.dense.shape == (2, 32, 3, 5)
    assert features.pooled.shape == (2, 32)
    assert backbone.channels == channels
    assert not any('visual' in name for name, _ in backbone.named_parameters())


@pytest.mark.parametrize('model', ['resnet18', 'convnext_atto'])
def test_a_file_of_weights_gives_timms_features(tmp_path, tiny_vit_cfg, model):
    torch.manual_seed(0)
    whole = timm.create_model(model).eval()
    path = tmp_path / 'weights.pth'
    torch.save(whole.state_dict(), path)
    backbone = ImageNetBackbone(_visual(tiny_vit_cfg), model, pretrained=str(path), heads=4).eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = whole.forward_intermediates(images, intermediates_only=True)[-4:]
        for ours, theirs in zip(backbone(images).pyramid, expected, strict=True):
            torch.testing.assert_close(ours, theirs)
    state = whole.state_dict()
    state.popitem()
    torch.save(state, path)
    with pytest.raises(ValueError, match='1 missing'):
        ImageNetBackbone(_visual(tiny_vit_cfg), model, pretrained=str(path), heads=4)


@pytest.mark.parametrize('prompter', [dict(type='PostModelPrompter', width=32), None])
def test_it_trains_in_a_whole_model(tiny_vit_cfg, prompter):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='CLIPSegmentor',
            class_names=['wall', 'traffic light', 'sky'],
            clip=dict(model=tiny_vit_cfg),
            backbone=dict(type='ImageNetBackbone', model='resnet18', pretrained=False),
            prompter=prompter,
            neck=dict(type='ScoreConcat', out_channels=8),
            decode_head=dict(
                type='FPNHead',
                channels=8,
                norm_cfg=dict(type='BN'),
                loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
            ),
            losses=dict(score_map=dict(type='ScoreMapLoss')),
        )
    ).train()
    labels = PixelData(data=torch.randint(0, 3, (1, 64, 64)))
    losses = model.loss(torch.randn(2, 3, 64, 64), [SegDataSample(gt_sem_seg=labels)] * 2)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in trained)
    assert model.eval().predict(torch.randn(1, 3, 70, 50))[0].pred_sem_seg.shape == (70, 50)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(model='resnet5O'), "no network of timm; did you mean 'resnet50|no network of timm"),
        (dict(model='vit_tiny_patch16_224'), 'not 4, 8, 16, 32'),
        (dict(model='resnet18', heads=5), 'heads=5 does not divide 512'),
        (dict(model='resnet18', dense='value'), "'attention' or None"),
    ],
)
def test_refusals(tiny_vit_cfg, options, message):
    with pytest.raises(ValueError, match=message):
        ImageNetBackbone(_visual(tiny_vit_cfg), pretrained=False, **options)
