"""A part of one's own that returns the wrong thing is named, with what it returned."""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from icpc.errors import UserError
from icpc.heads import SemanticFPNHead
from icpc.parts import AlignmentLoss, TakesScoreMap


class Part(nn.Module):
    """Takes the place of a part, and returns what it is told to."""

    out_channels, levels, dense_level, depends_on_image = 16, (), 3, True

    def __init__(self, returns):
        super().__init__()
        self.returns = returns

    def forward(self, *args):
        return self.returns

    def static_text(self):
        return None


class Head(Part):
    takes_score_map, out_channels = False, 5
    ignore_index, in_index = 255, (0, 1, 2, 3)

    def loss(self, *args):
        return self.returns


LEVELS = [torch.zeros(2, 16, 16 // 2**i, 24 // 2**i) for i in range(4)]


@pytest.mark.parametrize(
    ('place', 'returns', 'message'),
    [
        (
            'prompter',
            torch.zeros(2, 5, 31),
            r'model.prompter: Part returned a tensor of shape \(2, 5, 31\); '
            r'expected text \(B or 1, K, D\) = \(2 or 1, 5, 32\)',
        ),
        ('prompter', (torch.zeros(1, 5, 32),), r'Part returned a tuple of 1 \(a tensor of shape'),
        ('prompter', None, 'Part returned None; expected text'),
        ('prompter', torch.zeros(3, 5, 32), r'shape \(3, 5, 32\)'),
        ('neck', LEVELS, r'model.neck: Part returned a list of 4 .*; expected a pair'),
        ('neck', (LEVELS[:3], []), 'pyramid with maps .*, 4 of them'),
        ('neck', ([*LEVELS[:3], LEVELS[3][:, :3]], []), 'number 3 of shape .2, 16, any, any'),
        ('neck', (LEVELS, torch.zeros(2, 5, 4, 4)), 'score_maps, a list'),
        ('neck', (LEVELS, [torch.zeros(2, 4, 4, 4)]), r'number 0 of shape \(2, 5, any, any\)'),
        ('align', torch.zeros(2), r'model.losses.align: Part returned a tensor of shape \(2,\)'),
        ('align', dict(loss=1), 'model.losses.align: Part returned a dict; expected a scalar'),
        ('backbone', tuple(LEVELS), r'model.backbone: .*expected icpc.structures.CLIPFeatures'),
        ('head', torch.zeros(()), 'model.decode_head: Head returned a scalar tensor; expected a'),
    ],
)
def test_training_names_it(build, batch, place, returns, message):
    model = build().train()
    part = (Head if place == 'head' else Part)(returns)
    if place == 'align':
        model.losses['align'] = part
    elif place == 'backbone':
        part.channels, part.size_divisor = model.backbone.channels, 1
        model.backbone = part
    else:
        setattr(model, dict(head='decode_head').get(place, place), part)
    with pytest.raises(UserError, match=message):
        model.loss(*batch)


@pytest.mark.parametrize('train', [True, False])
def test_logits_of_a_head(build, batch, train, monkeypatch):
    model = build(prompter=None).train(train)
    monkeypatch.setattr(model.decode_head, 'forward', lambda inputs: torch.zeros(2, 4, 16, 24))
    with pytest.raises(UserError, match=r'SemanticFPNHead returned .*\(2, 4, 16, 24\); .*\(2, 5,'):
        model.loss(*batch) if train else model.predict(batch[0])


def test_a_static_text_is_checked_where_it_is_refined(build, batch):
    model = build('resnet', 'denseclip').eval()
    model.prompter.refiner = Part(torch.zeros(2, 5, 1))
    with pytest.raises(UserError, match=r'PostModelPrompter returned a tensor of shape \(2, 5, 1'):
        model.predict(batch[0])


class OwnLoss(AlignmentLoss):
    def forward(self, features, text, score_maps, labels):
        return features.dense.square().mean() + text.square().mean()


class OwnHead(TakesScoreMap, SemanticFPNHead):
    def forward(self, inputs):
        *pyramid, scores = inputs
        self.seen = scores.shape
        return super().forward(pyramid)


@pytest.fixture
def own_parts():
    """Registered for one test."""
    parts = [OwnLoss, OwnHead, Part]
    for part in parts:
        MODELS.register_module(module=part)
    yield
    for part in parts:
        MODELS.module_dict.pop(part.__name__)


def test_minimal_parts_of_ones_own_train(build, batch, own_parts):
    losses = dict(align=None, own=dict(type='OwnLoss'))
    model = build(losses=losses, decode_head=dict(type='OwnHead')).train()
    terms = model.loss(*batch)
    assert {'loss_own', 'loss_score_map'} <= set(terms)
    assert model.decode_head.seen[:2] == (2, 5)
    sum(terms[name].sum() for name in terms if 'loss' in name).backward()
    assert model.neck.fpn.lateral_convs[0].conv.weight.grad.abs().sum() > 0
    assert 'loss_own' not in model.loss_units(batch[1])  # labelled pixels, as all others


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (dict(losses=dict(own=dict(type='Part'))), r'losses\.own\.type=Part .*AlignmentLoss'),
        (dict(prompter=dict(type='Part', _delete_=True)), r'prompter\.type=Part .*BasePrompter'),
        (dict(neck=dict(type='Part', _delete_=True)), r'neck\.type=Part .*BaseNeck'),
        (dict(backbone=dict(type='Part', _delete_=True)), r'backbone\.type=Part .*BaseBackbone'),
    ],
)
def test_a_part_without_its_contract_is_named(build, own_parts, parts, message):
    with pytest.raises(ValueError, match=message):
        build(**parts)
