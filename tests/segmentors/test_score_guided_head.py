"""ScoreGuidedFPNHead: the score map reaches the logits."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from icpc.heads import ScoreGuidedFPNHead, SemanticFPNHead
from icpc.training.optim import GroupedOptimConstructor

HEAD = dict(type='ScoreGuidedFPNHead')


def test_logits_are_the_plain_heads_and_the_score_maps() -> None:
    torch.manual_seed(0)
    sizes = dict(feature_strides=[4, 8], in_channels=[4, 4], in_index=[0, 1], num_classes=3)
    head = ScoreGuidedFPNHead(channels=4, gain=0.5, temperature=0.1, **sizes).eval()
    plain = SemanticFPNHead(channels=4, **sizes).eval()
    plain.load_state_dict({k: v for k, v in head.state_dict().items() if k != 'gain'})
    pyramid = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 4, 4)
    scores = torch.rand(2, 3, 2, 2)
    added = F.interpolate(scores, size=(8, 8), mode='bilinear', align_corners=False) * 5
    assert (head((*pyramid, scores)) - plain(pyramid) - added).abs().max() < 1e-5


@pytest.mark.parametrize('score_level', [None, 0])
def test_a_model_learns_the_gain_and_predicts_alike_in_all_ways(
    build: Callable, batch: tuple, score_level: int | None
) -> None:
    images, samples = batch
    model = build(decode_head=dict(HEAD, score_level=score_level, gain=2.0))
    losses = model.loss(images, samples)
    losses['decode.loss_ce'].backward()
    assert model.decode_head.gain.grad.abs() > 0
    model.eval()
    features = model.backbone(images)
    text = model.encode_text(features)
    pyramid, score_maps = model.neck(features, text)
    wanted = score_maps[3 if score_level is None else 0]
    expected = model.decode_head((*pyramid, wanted))
    expected = F.interpolate(expected, size=(64, 96), mode='bilinear', align_corners=False)
    assert (model.encode_decode(images) - expected).abs().max() < 1e-4
    logits = torch.stack([s.seg_logits.data for s in model.predict(images, samples)])
    assert (logits - expected).abs().max() < 1e-4


@pytest.mark.parametrize(
    'parts',
    [dict(neck=dict(levels=[0, 1])), dict(prompter=None), dict(decode_head=dict(score_level=5))],
)
def test_a_level_without_score_map_raises(build: Callable, parts: dict) -> None:
    with pytest.raises(ValueError, match='aligned levels are .*set model.neck.levels'):
        build(**{**parts, 'decode_head': dict(HEAD, **parts.get('decode_head', {}))})


def test_temperature_must_be_positive() -> None:
    with pytest.raises(ValueError, match='temperature must be above 0'):
        ScoreGuidedFPNHead(
            [4], in_channels=[4], in_index=[0], channels=4, num_classes=2, temperature=0.0
        )


def test_the_gain_can_be_split_and_checkpoints_with_a_scalar_load_and_resume() -> None:
    sizes = dict(feature_strides=[4], in_channels=[4], in_index=[0], channels=4, num_classes=3)
    head = nn.Sequential(ScoreGuidedFPNHead(gain=0.5, **sizes))
    assert [name for name, p in head.named_parameters() if p.dim() == 0] == []
    old = head.state_dict()
    old['0.gain'] = torch.tensor(2.0)
    head.load_state_dict(old, strict=True)
    assert head[0].gain.tolist() == [2.0]
    assert old['0.gain'].dim() == 0  # the user's dict stays
    wrapper = GroupedOptimConstructor(dict(optimizer=dict(type='AdamW', lr=0.1)))(head)
    head[0].gain.sum().backward()
    wrapper.optimizer.step()
    state = wrapper.optimizer.state_dict()
    (moments,) = state['state'].values()
    for name in ('exp_avg', 'exp_avg_sq'):
        moments[name] = moments[name][0]
    wrapper.optimizer.load_state_dict(state)
    (loaded,) = wrapper.optimizer.state.values()
    assert (loaded['exp_avg'].shape, loaded['step'].shape) == ((1,), ())
    wrapper.optimizer.step()
