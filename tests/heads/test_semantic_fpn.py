"""SemanticFPNHead against MMSegmentation's FPNHead."""

import math

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FPNHead
from mmseg.structures import SegDataSample

from icpc.heads import SemanticFPNHead

PLAIN = dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.7)
CFG = dict(
    feature_strides=[4, 8],
    in_channels=[4, 4],
    in_index=[0, 1],
    channels=4,
    num_classes=5,
    norm_cfg=dict(type='BN'),
)


def samples(labels: torch.Tensor) -> list[SegDataSample]:
    return [SegDataSample(gt_sem_seg=PixelData(data=one[None])) for one in labels]


def test_same_names_loss_gradient_and_accuracy():
    torch.manual_seed(0)
    ours, theirs = SemanticFPNHead(loss_decode=PLAIN, **CFG), FPNHead(loss_decode=PLAIN, **CFG)
    theirs.load_state_dict(ours.state_dict())
    labels = torch.randint(0, 5, (2, 32, 32))
    labels[:, :5] = 255
    features = [torch.randn(2, 4, 8, 8), torch.randn(2, 4, 4, 4)]
    found, expected = [head.eval().loss(features, samples(labels), {}) for head in (ours, theirs)]
    assert found.keys() == expected.keys() == {'loss_ce', 'acc_seg'}
    assert abs(found['loss_ce'] - expected['loss_ce']).item() < 1e-6
    assert found['acc_seg'].item() == pytest.approx(expected['acc_seg'].item(), abs=1e-3)
    found['loss_ce'].backward()
    expected['loss_ce'].backward()
    pairs = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    assert len(pairs) == 8
    for a, b in pairs:
        assert (a.grad - b.grad).abs().max() < 1e-6


def test_ignore_index_of_the_head():
    head = SemanticFPNHead(**CFG, ignore_index=65535).eval()
    labels = torch.full((1, 16, 16), 65535)
    labels[:, :8] = 3
    logits = torch.zeros(1, 5, 4, 4)
    logits[:, 3] = 1
    losses = head.loss_by_feat(logits, samples(labels))
    assert losses['acc_seg'].item() == 100
    assert losses['loss_ce'].item() == pytest.approx(math.log(4 + math.e) - 1, abs=1e-5)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(loss_decode=dict(type='CrossEntropyLoss')), 'avg_non_ignore'),
        (dict(loss_decode=dict(PLAIN, reduction='sum')), "reduction='sum'"),
        (dict(loss_decode=dict(PLAIN, class_weight=[1.0] * 5)), 'class weights'),
        (dict(loss_decode=dict(PLAIN, use_sigmoid=True)), 'softmax cross-entropy'),
        (dict(loss_decode=dict(type='DiceLoss')), 'softmax cross-entropy'),
        (dict(loss_decode=[PLAIN, PLAIN]), 'softmax cross-entropy'),
        (dict(align_corners=True), 'align_corners'),
        (dict(sampler=dict(type='OHEMPixelSampler', min_kept=4)), 'sampler'),
        (dict(num_classes=2, out_channels=1), 'out_channels'),
    ],
)
def test_what_the_fused_loss_lacks_raises(options, message):
    with pytest.raises(ValueError, match=message):
        SemanticFPNHead(**(CFG | options))


def test_misspelt_option_raises():
    with pytest.raises(TypeError):
        SemanticFPNHead(**CFG, dropout=0.1)
