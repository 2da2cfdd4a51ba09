"""Every prompt design in a whole model, chosen by its type alone."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from icpc.clip.text.vocabulary import shuffled

NAMES = ['wall', 'traffic light', 'swimming pool', 'sky']
DESIGNS = [
    dict(type='TemplatePrompter'),
    dict(type='TemplatePrompter', template=['a {}', 'the {}']),
    dict(type='StaticPrompter'),
    dict(type='StaticPrompter', class_specific=True, name_position='middle'),
    dict(type='CoCoOpPrompter'),
    dict(type='InstancePrompter', mode='add'),
    dict(type='InstancePrompter', mode='concat'),
    dict(type='InstancePrompter', mode='attend'),
    dict(type='PostModelPrompter', width=32),
    dict(type='PrePostPrompter', width=32),
    dict(type='ClassVectorPrompter'),
    None,
]


def _build(clip: dict, prompter: dict | None, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='CLIPSegmentor',
            class_names=NAMES,
            clip=dict(model=clip),
            backbone={},
            prompter=prompter,
            neck=dict(type='ScoreConcat', out_channels=8),
            decode_head=dict(
                type='FPNHead',
                channels=8,
                norm_cfg=dict(type='BN'),
                loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
            ),
            losses=dict(score_map=dict(type='ScoreMapLoss')),
            **options,
        )
    )


@pytest.mark.parametrize('prompter', DESIGNS, ids=str)
def test_trains_every_parameter_and_predicts(tiny_resnet_cfg, prompter):
    model = _build(tiny_resnet_cfg, prompter).train()
    labels = torch.randint(0, 4, (1, 64, 96))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
    losses = model.loss(torch.randn(2, 3, 64, 96), samples)
    assert ('loss_score_map' in losses) == (prompter is not None)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    idle = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
    has_tower = any('token_embedding' in name for name, _ in model.named_parameters())
    assert has_tower == (prompter is not None and prompter['type'] != 'ClassVectorPrompter')
    predicted = model.eval().predict(torch.randn(1, 3, 64, 96))[0]
    assert ('pred_score_map' in predicted) == (prompter is not None)


@pytest.mark.parametrize('kind', ['StaticPrompter', 'PostModelPrompter', 'ClassVectorPrompter'])
def test_static_text_is_encoded_once_per_call_not_once_per_window(tiny_resnet_cfg, kind):
    test_cfg = dict(mode='slide', crop_size=(64, 64), stride=(32, 32))
    model = _build(tiny_resnet_cfg, dict(type=kind), test_cfg=test_cfg).eval()
    inner = getattr(model.prompter, 'pre', model.prompter)
    calls = []
    inner.register_forward_hook(lambda *_: calls.append(1))
    model.predict(torch.randn(1, 3, 128, 128))
    assert len(calls) == 1


def test_shuffled_names_reach_the_prompter_alone(tiny_resnet_cfg):
    model = _build(tiny_resnet_cfg, dict(type='StaticPrompter'), shuffle_names=3)
    assert model.class_names == tuple(NAMES)
    assert model.prompter.names.names == tuple(shuffled(NAMES, 3))


def test_text_tower_options_without_a_tower_are_refused(tiny_resnet_cfg):
    options = dict(type='ClassVectorPrompter', text_encoder=dict(checkpointing=True))
    with pytest.raises(ValueError, match='ClassVectorPrompter uses no text tower'):
        _build(tiny_resnet_cfg, options)
