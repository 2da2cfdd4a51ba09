"""The classifier of tags: its loss and maps against plain torch, and its network at stride 16."""

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from icpc.errors import UserError
from icpc.weak.stages import Stride16ResNet, TagClassifier

NAMES = ('background', 'cat', 'dog', 'cow')
BACKBONE = dict(type='Stride16ResNet', model='resnet18', pretrained=False)


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return TagClassifier(NAMES, BACKBONE, scales=(1.0, 0.5), flip=True).eval()


def samples(*tags):
    return [
        SegDataSample(metainfo=dict(tags=np.array(one, np.float32), ori_shape=(40, 56)))
        for one in tags
    ]


def test_the_loss_is_the_soft_margin_of_the_mean_map(model):
    inputs, tags = torch.randn(2, 3, 64, 64), [[1, 0, 1], [0, 1, 0]]
    logits = model.maps(inputs).mean(dim=(2, 3))
    target = torch.tensor(tags).float()
    expected = F.binary_cross_entropy_with_logits(logits, target)
    assert model.loss(inputs, samples(*tags))['loss_tags'].item() == pytest.approx(expected.item())
    assert model.loss_units(samples(*tags)) == {'': 2.0}


def test_a_cam_is_the_sum_over_scales_and_flips(model):
    inputs = torch.randn(1, 3, 48, 64)
    total = torch.zeros(1, 3, 48, 64)
    for size in ((48, 64), (24, 32)):
        view = F.interpolate(inputs, size, mode='bilinear') if size != (48, 64) else inputs
        for flip in (False, True):
            maps = model.maps(view.flip(-1) if flip else view).relu()
            maps = F.interpolate(maps, (48, 64), mode='bilinear')
            total += maps.flip(-1) if flip else maps
    expected = total / (total.amax(dim=(2, 3), keepdim=True) + 1e-5)
    torch.testing.assert_close(model.cam(inputs), expected)


@torch.no_grad()
def test_no_class_outside_the_tags_appears(model):
    inputs = torch.randn(2, 3, 48, 64)
    found = model.predict(inputs, samples([0, 1, 0], [0, 0, 0]))
    for sample, allowed in zip(found, ({0, 2}, {0}), strict=True):
        assert sample.pred_cam.data.shape == (3, 40, 56)
        assert set(sample.pred_sem_seg.data.unique().tolist()) <= allowed
    assert found[0].pred_cam.data[1].max() > 0.9


def test_samples_without_tags_are_named(model):
    with pytest.raises(UserError, match='has no tags'):
        model.loss(torch.randn(1, 3, 32, 32), [SegDataSample()])


def test_the_last_stage_keeps_its_grid_undilated_and_the_stem_is_frozen():
    network = Stride16ResNet('resnet18', pretrained=False).train()
    pyramid = network(torch.randn(1, 3, 64, 96)).pyramid
    assert [tuple(one.shape[2:]) for one in pyramid] == [(16, 24), (8, 12), (4, 6), (4, 6)]
    assert tuple(one.shape[1] for one in pyramid) == network.channels
    convs = [one for one in network.modules() if isinstance(one, torch.nn.Conv2d)]
    assert {one.dilation for one in convs} == {(1, 1)}
    norms = [one for one in network.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert not any(one.training for one in norms)
    frozen = {name for name, one in network.named_parameters() if not one.requires_grad}
    assert frozen == {'net.conv1.weight', 'net.bn1.weight', 'net.bn1.bias'}
    moving = Stride16ResNet('resnet18', pretrained=False, norm_eval=False).train()
    assert all(one.training for one in moving.modules() if isinstance(one, torch.nn.BatchNorm2d))


def test_unknown_networks_and_scales_are_refused():
    with pytest.raises(ValueError, match='no ResNet of timm; did you mean'):
        Stride16ResNet('resnet51', pretrained=False)
    with pytest.raises(ValueError, match='scales'):
        TagClassifier(NAMES, BACKBONE, scales=[0])
