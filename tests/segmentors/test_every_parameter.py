"""After one step every parameter that wants a gradient has one: ranks wait for all of them."""

import copy
import itertools

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from icpc.segmentors import unused

NAMES = ['wall', 'traffic light', 'sky', 'sea']
CE = dict(type='CrossEntropyLoss', avg_non_ignore=True)
PROMPTERS = {
    'template': dict(type='TemplatePrompter'),
    'CoOp': dict(type='StaticPrompter'),
    'CoCoOp': dict(type='CoCoOpPrompter'),
    'ICPC': dict(type='InstancePrompter'),
    'attend': dict(type='InstancePrompter', mode='attend'),
    'constant': dict(type='InstancePrompter', condition='constant'),
    'DenseCLIP': dict(type='PostModelPrompter', width=32),
    'both': dict(type='PrePostPrompter', width=32),
    'vectors': dict(type='ClassVectorPrompter'),
    'none': None,
}
LOSSES = {
    'all': dict(score_map=dict(type='ScoreMapLoss'), align=dict(type='AlignContrastiveLoss')),
    'score map': dict(score_map=dict(type='ScoreMapLoss')),
    'align': dict(align=dict(type='AlignContrastiveLoss')),
    'head': {},
}
_TIMM = dict(timm_model_pretrained=False, timm_pool='', timm_proj='linear')
TOWERS = {
    'resnet': {},
    'value': dict(dense='value'),
    'vit': {},
    'early taps': dict(taps=[0, 1, 1, 2]),
    'sclip': dict(dense='sclip'),
    'clearclip, early taps': dict(dense='clearclip', taps=[0, 1, 1, 2]),
    'pmss, naclip': dict(
        type='PromptMatchedBackbone',
        tower=dict(type='CLIPViT', dense='naclip'),
        width=8,
        steps=1,
    ),
    'imagenet': dict(type='ImageNetBackbone', model='resnet18', pretrained=False, heads=4),
    'pmss': dict(type='PromptMatchedBackbone', width=8, steps=1),
    'pmss, two steps': dict(type='PromptMatchedBackbone', width=8),
    'pmss, vit': dict(type='PromptMatchedBackbone', width=8, steps=1),
    'pmss, imagenet': dict(
        type='PromptMatchedBackbone',
        tower=dict(type='ImageNetBackbone', model='resnet18', pretrained=False, heads=4),
    ),
    'convnext': {},
    'timm vit': dict(taps=[0, 3, 5, 9]),
}
_VITS = ('vit', 'early taps', 'sclip', 'clearclip, early taps', 'pmss, naclip', 'pmss, vit')
DENSE = dict.fromkeys((*_VITS, 'timm vit'), 2)  # elsewhere level 3


def clip_of(tower, resnet, vit):
    timm_names = {'convnext': 'convnext_atto', 'timm vit': 'vit_tiny_patch16_224'}
    if tower in timm_names:
        size = dict(timm_model_name=timm_names[tower], image_size=64)
        return dict(vit, vision_cfg=dict(_TIMM, **size))
    return resnet if tower in ('resnet', 'value', 'pmss', 'pmss, two steps') else vit


def build(tower, clip, prompter, losses, levels, interim=False, head='SemanticFPNHead', **options):
    torch.manual_seed(0)
    losses = dict(losses, **(dict(interim=dict(type='InterimMapLoss')) if interim else {}))
    decode_head = dict(type=head, channels=8, norm_cfg=dict(type='BN'), loss_decode=CE)
    return MODELS.build(
        dict(
            type='CLIPSegmentor',
            class_names=NAMES,
            clip=dict(model=clip),
            backbone=copy.deepcopy(TOWERS[tower]),
            prompter=copy.deepcopy(prompter),
            neck=dict(type='MultiScaleAlignment', levels=levels, out_channels=8),
            decode_head=decode_head | options.pop('decode_head', {}),
            losses=copy.deepcopy(losses),
            **options,
        )
    ).train()


def without_gradient(model):
    labels = torch.randint(0, 4, (2, 1, 64, 64))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]
    losses = model.loss(torch.randn(2, 3, 64, 64), samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    return [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]


def designs():
    """Every prompter with every kind of levels; losses and towers take turns."""
    levels = ['all', 'dense', 'others', 'none']
    for i, (prompter, level) in enumerate(itertools.product(PROMPTERS, levels)):
        tower = list(TOWERS)[(2 * i + i // len(levels)) % len(TOWERS)]
        losses = list(LOSSES)[(i + i // len(levels)) % len(LOSSES)]
        yield prompter, level, losses, tower, i % 3 == 0


DESIGNS = [
    *designs(),
    ('CoOp', 'others', 'score map', 'resnet', False),
    ('CoOp', 'others', 'head', 'vit', False),
    ('template', 'none', 'head', 'resnet', False),
    ('none', 'none', 'head', 'pmss', False),
    ('none', 'none', 'head', 'early taps', False),
    ('template', 'dense', 'all', 'clearclip, early taps', False),
    ('ICPC', 'dense', 'score map', 'clearclip, early taps', False),
    ('CoOp', 'others', 'align', 'sclip', False),
    ('template', 'dense', 'all', 'pmss, naclip', True),
    ('vectors', 'others', 'head', 'imagenet', False),
    ('ICPC', 'none', 'align', 'convnext', False),
]


@pytest.mark.parametrize('design', DESIGNS, ids=str)
def test_each_has_a_gradient_or_the_prompter_is_refused(tiny_resnet_cfg, tiny_vit_cfg, design):
    prompter, level, losses, tower, interim = design
    dense = DENSE.get(tower, 3)
    levels = dict(all=[0, 1, 2, 3], dense=[dense], others=[0, 1], none=[])[level]
    clip = clip_of(tower, tiny_resnet_cfg, tiny_vit_cfg)
    arguments = tower, clip, PROMPTERS[prompter], LOSSES[losses], levels
    interim = interim and tower.startswith('pmss')
    if level == 'none' and losses in ('score map', 'head') and prompter not in ('template', 'none'):
        with pytest.raises(ValueError, match='nothing takes the text of .*model.neck.levels'):
            build(*arguments, interim)
        return
    model = build(*arguments, interim)
    assert without_gradient(model) == []
    if not tower.startswith('pmss'):
        assert sum(p.requires_grad for p in model.backbone.parameters()) > 10


def test_the_table_has_every_kind():
    prompters, levels, losses, towers, interim = (
        set(column) for column in zip(*DESIGNS, strict=True)
    )
    assert (prompters, losses, towers) == (set(PROMPTERS), set(LOSSES), set(TOWERS))
    assert {design[:2] for design in DESIGNS} == set(itertools.product(prompters, levels))
    assert interim == {True, False}


@pytest.mark.parametrize(
    'options',
    [
        dict(head='ScoreGuidedFPNHead', losses={}, levels=[0, 2]),
        dict(head='ScoreGuidedFPNHead', levels=[1], decode_head=dict(score_level=1)),
        dict(held_out_classes=['sky'], levels=[0, 1, 2, 3], losses=LOSSES['all']),
        dict(held_out_classes=['sky'], levels=[0]),
        dict(head='FCNHead', levels=[0, 3], decode_head=dict(in_index=2, num_convs=1)),
        dict(head='FCNHead', levels=[0, 3], losses={}, decode_head=dict(in_index=2, num_convs=1)),
        dict(head='FCNHead', levels=[2], losses={}, decode_head=dict(in_index=3, num_convs=1)),
        dict(head='FCNHead', levels=[2], decode_head=dict(in_index=-1, num_convs=1)),
    ],
    ids=str,
)
@pytest.mark.parametrize('prompter', ['CoOp', 'ICPC', 'none'])
def test_other_heads_and_held_out_classes(tiny_vit_cfg, prompter, options):
    options = dict(losses=LOSSES['score map']) | options
    one_level = options.get('head') == 'FCNHead'
    if prompter == 'none' and options.get('head') == 'ScoreGuidedFPNHead':
        return
    if one_level and prompter != 'none' and options['levels'] == [2] and not options['losses']:
        with pytest.raises(ValueError, match='nothing takes the text'):
            build('vit', tiny_vit_cfg, PROMPTERS[prompter], **options)
        return
    model = build('vit', tiny_vit_cfg, PROMPTERS[prompter], **options)
    assert without_gradient(model) == []


def test_a_map_that_nothing_takes_is_said(tiny_resnet_cfg, monkeypatch):
    said = []
    monkeypatch.setattr(unused.logger, 'info', said.append)
    model = build('resnet', tiny_resnet_cfg, PROMPTERS['ICPC'], LOSSES['all'], [])
    assert said == ['model.neck.levels is []: no score map, so score_map of model.losses stay 0']
    assert without_gradient(model) == []
