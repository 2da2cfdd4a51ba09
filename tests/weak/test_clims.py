"""Stage 2 of CLIMS: its losses by hand, a frozen CLIP that is no part of the state, its units."""

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from tiny_clips import TINY_RESNET

from icpc.weak.losses import (
    background_suppression_loss,
    background_text_loss,
    masked_views,
    object_text_loss,
)
from icpc.weak.stages import CLIMSClassifier, TagClassifier

NAMES = ('background', 'cat', 'dog', 'cow')
BACKBONE = dict(type='Stride16ResNet', model='resnet18', pretrained=False)
PIXELS = dict(type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3, size=(64, 64))


def build(**options):
    torch.manual_seed(0)
    return CLIMSClassifier(
        NAMES,
        dict(model=TINY_RESNET),
        backbone=BACKBONE,
        data_preprocessor=dict(PIXELS),
        phrases=['sky', 'sea'],
        threshold_cbs=-1.0,
        **options,
    )


def samples(*tags):
    return [SegDataSample(metainfo=dict(tags=np.array(one, np.float32))) for one in tags]


@pytest.fixture(scope='module')
def model():
    return build().train()


def test_clip_is_frozen_and_no_part_of_the_state(model):
    first = TagClassifier(NAMES, BACKBONE, data_preprocessor=dict(PIXELS))
    assert model.state_dict().keys() == first.state_dict().keys()
    inputs, given = torch.randn(2, 3, 64, 64), samples([1, 0, 1], [0, 1, 0])
    losses = model.loss(inputs, given)
    sum(losses.values()).backward()
    assert model.classifier.weight.grad.abs().sum() > 0
    clip = model._visual[0]
    assert not clip.training
    assert all(one.grad is None and not one.requires_grad for one in clip.parameters())
    assert model.loss_units(given) == {'': 2, 'loss_otm': 3, 'loss_btm': 3, 'loss_cbs': 3}
    model.double()
    assert next(clip.parameters()).dtype == torch.float64
    model.float()


def test_each_loss_is_what_its_parts_say(model):
    inputs, given = torch.randn(2, 3, 64, 64), samples([1, 0, 1], [0, 1, 0])
    losses = model.loss(inputs, given)
    maps = model.maps(inputs).sigmoid()
    pixels = inputs * 60 + 120
    images = (pixels - model.statistics[0]) / model.statistics[1]
    pairs = torch.tensor([[0, 0], [0, 2], [1, 1]])
    front, rest = masked_views(images, maps, pairs, 64)
    front, rest = (torch.nn.functional.normalize(model._visual[0](one)) for one in (front, rest))
    seen = (front * model.texts[[0, 2, 1]]).sum(dim=1)
    torch.testing.assert_close(losses['loss_otm'], 10 * object_text_loss(seen))
    unseen = (rest * model.texts[[0, 2, 1]]).sum(dim=1)
    torch.testing.assert_close(losses['loss_btm'], 24 * background_text_loss(unseen))
    cbs = background_suppression_loss(front @ model.others.T, -1.0)
    torch.testing.assert_close(losses['loss_cbs'], cbs / 3)
    torch.testing.assert_close(losses['loss_reg'], 0.2 * maps.mean())
    summed = build(summed_cbs=True).train()
    summed.load_state_dict(model.state_dict())
    summed.texts, summed.others, summed._visual = model.texts, model.others, model._visual
    torch.testing.assert_close(summed.loss(inputs, given)['loss_cbs'], cbs)
    assert summed.loss_units(given)['loss_cbs'] == 1


def test_shifted_cosines_have_a_gradient_below_zero():
    for shifted, expected in ((True, -1 / (1 - 0.5)), (False, 0.0)):
        model = build(shifted=shifted)
        cosine = torch.tensor([-0.5], requires_grad=True)
        object_text_loss(model._seen(cosine)).backward()
        assert cosine.grad.item() == pytest.approx(expected, abs=1e-6)


def test_pictures_without_tags_give_no_signal_but_the_area(model):
    losses = model.loss(torch.randn(2, 3, 64, 64), samples([0, 0, 0], [0, 0, 0]))
    assert [losses[f'loss_{one}'].item() for one in ('otm', 'btm', 'cbs')] == [0, 0, 0]
    assert losses['loss_reg'] > 0


def test_other_names_change_the_text_of_their_class_alone(model):
    other = build(names={'dog': 'hound'})
    same = (other.texts == model.texts).all(dim=1)
    assert same.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(names={'god': 'x'}), "'god' is no class"),
        (dict(weights={'omt': 1}), "no 'omt'"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        build(**options)
