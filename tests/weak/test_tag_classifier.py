"""The classifier of tags: its loss and maps against plain torch, and its network at stride 16."""

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from PIL import Image
from torch.nn import functional as F

from icpc.checkpoints.fitting import load_weights
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


@torch.no_grad()
@pytest.mark.parametrize('stride', [1, 4])
def test_a_cam_is_the_sum_over_scales_and_flips(model, stride):
    """Views are made of 0 .. 255 by PIL, sides half to even; whole maps cover all cells' pixels."""
    picture = np.random.default_rng(0).integers(0, 256, (45, 61, 3), np.uint8)
    size, covered = ((45, 61), (48, 64)) if stride == 1 else ((12, 16), (12, 16))
    total = torch.zeros(1, 3, *size)
    for width, height in ((61, 45), (30, 22)):
        view = Image.fromarray(picture).resize((width, height), Image.BICUBIC)
        view = torch.from_numpy(np.array(view)).permute(2, 0, 1)[None].float()
        for flip in (False, True):
            maps = model.maps(view.flip(-1) if flip else view).relu()
            maps = maps.flip(-1) if flip else maps
            total += F.interpolate(maps, covered, mode='bilinear')[..., : size[0], : size[1]]
    expected = total / (total.amax(dim=(2, 3), keepdim=True) + 1e-5)
    inputs = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    torch.testing.assert_close(model.cam(inputs, stride=stride), expected)


def test_a_published_checkpoint_is_read(model, tmp_path, capsys):
    """Its tensors stand in it several times; with another backbone's names it is refused."""
    own = model.state_dict()
    state = {name.replace('backbone.net.', 'module.resnet50.'): v for name, v in own.items()}
    aliases = {
        'module.stage1.0.weight': own['backbone.net.conv1.weight'],
        'newly_added.0.weight': own['classifier.weight'],
    }
    torch.manual_seed(1)
    other = TagClassifier(NAMES, BACKBONE)
    load_weights(other, state | aliases, 'published.pth')
    assert all(torch.equal(v, own[name]) for name, v in other.state_dict().items())
    assert f'{len(own)} of its {len(own) + 2} tensors are read' in capsys.readouterr().out
    with pytest.raises(UserError, match='1 missing: backbone.net.conv1.weight'):
        load_weights(
            other,
            {k: v for k, v in state.items() if 'conv1.weight' not in k or 'layer' in k},
            'cut.pth',
        )


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
    small = Stride16ResNet(pretrained=False, blocks=(1, 2, 1, 1), width=8)
    assert small.channels == (32, 64, 128, 256)
    assert [len(stage) for stage in small.stages] == [1, 2, 1, 1]
    assert small(torch.randn(1, 3, 33, 47)).pyramid[-1].shape == (1, 256, 3, 3)
    moving = Stride16ResNet('resnet18', pretrained=False, norm_eval=False).train()
    assert all(one.training for one in moving.modules() if isinstance(one, torch.nn.BatchNorm2d))


def test_unknown_networks_and_scales_are_refused():
    with pytest.raises(ValueError, match='no ResNet of timm; did you mean'):
        Stride16ResNet('resnet51', pretrained=False)
    with pytest.raises(ValueError, match='blocks and backbone.width'):
        Stride16ResNet(blocks=(1, 1, 1, 1))
    with pytest.raises(ValueError, match='scales'):
        TagClassifier(NAMES, BACKBONE, scales=[0])
