"""One training step of the whole model: its losses, its gradients, what is derived."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from icpc.losses import align_contrastive_loss, score_map_loss
from icpc.training.speed import ModelSwitchesHook

ICPC = {'decode.loss_ce', 'decode.acc_seg', 'loss_score_map', 'loss_align'}
TOWERS = pytest.mark.parametrize('tower', ['resnet', 'vit'])
STATIC = dict(type='StaticPrompter', _delete_=True)


@TOWERS
def test_losses_are_those_of_their_parts(build: Callable, batch: tuple, tower: str) -> None:
    model = build(tower).train()
    model.decode_head.dropout = torch.nn.Identity()
    for module in model.modules():  # the reference below runs the parts once more
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    images, samples = batch
    losses = model.loss(images, samples)
    assert set(losses) == ICPC
    features = model.backbone(images)
    text = model.prompter(features)
    pyramid, score_maps = model.neck(features, text)
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in samples])
    logits = torch.nn.functional.interpolate(
        model.decode_head(pyramid), size=(64, 96), mode='bilinear', align_corners=False
    )
    ce = torch.nn.functional.cross_entropy(logits, labels, ignore_index=255)
    torch.testing.assert_close(losses['decode.loss_ce'], ce)
    score = 0.4 * sum(score_map_loss(score_map, labels) for score_map in score_maps)
    assert len(score_maps) == 4
    torch.testing.assert_close(losses['loss_score_map'], score)
    align = 0.1 * align_contrastive_loss(features.dense, text, labels, guidance='hard')
    torch.testing.assert_close(losses['loss_align'], align)


@pytest.mark.parametrize(
    ('tower', 'base', 'parts'),
    [
        ('resnet', 'icpc', {}),
        ('vit', 'icpc', {}),
        ('resnet', 'icpc', dict(backbone=dict(dense='value', output_stride=16))),
        ('resnet', 'icpc', dict(backbone=dict(dense='value'), prompter=STATIC)),
        ('resnet', 'icpc', dict(backbone=dict(dense='value'), prompter=dict(condition='constant'))),
        ('resnet', 'icpc', dict(backbone=dict(frozen_stages=2))),
        ('resnet', 'icpc', dict(losses=dict(align=None))),
        ('vit', 'icpc', dict(prompter=STATIC, losses=dict(score_map=None))),
        ('resnet', 'coop', {}),
        ('resnet', 'clip_fpn', {}),
        ('vit', 'clip_fpn', {}),
    ],
    ids=lambda value: str(value),
)
def test_every_trainable_parameter_gets_a_gradient(
    build: Callable, batch: tuple, tower: str, base: str, parts: dict
) -> None:
    """DistributedDataParallel fails otherwise; frozen ones get none."""
    model = build(tower, base, **parts).train()
    losses = model.loss(*batch)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    given = {name: p.grad is not None for name, p in model.named_parameters()}
    assert [n for n, p in model.named_parameters() if given[n] != p.requires_grad] == []
    text = [n for n in given if n.startswith('prompter.text_encoder')]
    assert bool(text) == (base != 'clip_fpn')
    assert not any(given[name] for name in text)
    assert sum(given.values()) > 50


@pytest.mark.parametrize(
    ('parts', 'keys'),
    [
        (dict(losses=dict(align=None)), ICPC - {'loss_align'}),
        (dict(losses=dict(score_map=None)), ICPC - {'loss_score_map'}),
        (dict(losses=None), ICPC - {'loss_align', 'loss_score_map'}),
        (dict(prompter=None), ICPC - {'loss_align', 'loss_score_map'}),
        (dict(prompter=STATIC), ICPC),
    ],
    ids=['no align', 'no score map', 'no losses', 'no prompter', 'static prompter'],
)
def test_each_part_can_be_switched_off(
    build: Callable, batch: tuple, parts: dict, keys: set
) -> None:
    assert set(build(**parts).train().loss(*batch)) == keys


@TOWERS
def test_without_prompter_nothing_of_the_text_is_left(
    build: Callable, batch: tuple, tower: str
) -> None:
    model = build(tower, prompter=None)
    assert model.prompter is None
    assert not model.losses
    words = ('text', 'attnpool', 'token', 'embed.', 'ln_final', 'logit_scale', 'visual.proj')
    assert [n for n, _ in model.named_parameters() if any(word in n for word in words)] == []
    features = model.backbone(batch[0])
    assert model.encode_text(features) is None
    pyramid, score_maps = model.neck(features, None)
    assert score_maps == []
    assert len(pyramid) == 4


@pytest.mark.parametrize(
    ('tower', 'channels', 'strides'),
    [('resnet', [37, 69, 133, 261], [4, 8, 16, 32]), ('vit', [37] * 4, [4, 8, 16, 32])],
)
def test_widths_follow_from_clip_and_the_names(
    build: Callable, tower: str, channels: list, strides: list
) -> None:
    model = build(tower)
    assert [conv.conv.in_channels for conv in model.neck.fpn.lateral_convs] == channels
    head = model.decode_head
    assert (head.num_classes, head.out_channels, head.feature_strides) == (5, 5, strides)
    assert head.in_channels == [16] * 4
    assert head.in_index == [0, 1, 2, 3]
    assert model.prompter.names.names == model.class_names
    assert len(model.class_names) == 5


def test_the_switch_compiles_backbone_neck_and_head(build: Callable, batch: tuple) -> None:
    model, compiled = build().train(), []
    eager = model.loss(*batch)

    def backend(graph: torch.fx.GraphModule, _: list) -> Callable:
        compiled.append({str(node.meta.get('nn_module_stack')) for node in graph.graph.nodes})
        return graph.forward

    hook = ModelSwitchesHook(compile={'backend': backend})
    hook.before_train(SimpleNamespace(model=model))
    torch.manual_seed(0)
    losses = model.loss(*batch)
    assert len(compiled) >= 3
    hook.enter(None)
    try:
        before = len(compiled)
        model.eval().predict(*batch)
        assert len(compiled) == before
    finally:
        hook.leave(None)
    assert losses.keys() == eager.keys()


def test_a_head_on_one_level(build: Callable, batch: tuple) -> None:
    fcn = dict(type='FCNHead', in_index=2, channels=8, num_convs=1)
    fcn |= dict(loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True), _delete_=True)
    model = build(decode_head=fcn).train()
    assert model.decode_head.in_channels == 16
    assert set(model.loss(*batch)) == ICPC


def test_another_class_count_raises(build: Callable) -> None:
    with pytest.raises(ValueError, match='num_classes is 150, but there are 5 class names'):
        build(decode_head=dict(num_classes=150))


@pytest.mark.parametrize(
    ('test_cfg', 'message'),
    [
        (dict(mode='crop'), "test_cfg.mode must be 'whole' or 'slide', got 'crop'"),
        (dict(mode='slide', crop_size=(64, 64)), 'test_cfg.stride, two whole numbers .* got None'),
        (dict(mode='slide', crop_size=64, stride=(64, 64)), 'test_cfg.crop_size, two .* got 64'),
        (dict(mode='slide', crop_size=(64, 64), stride=(64, 80)), 'stride 80, crop 64'),
    ],
)
def test_a_grid_of_windows_that_does_not_work(
    build: Callable, test_cfg: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(test_cfg=test_cfg)


@pytest.mark.parametrize('norm_eval', [True, False])
def test_train_mode_keeps_what_is_frozen(build: Callable, norm_eval: bool) -> None:
    model = build(backbone=dict(frozen_stages=3, norm_eval=norm_eval)).eval().train()
    assert model.training
    assert not any(module.training for module in model.prompter.text_encoder.modules())
    assert not any(module.training for module in model.backbone.visual.layer2.modules())
    assert model.backbone.visual.layer3[0].bn1.training != norm_eval
    assert model.backbone.visual.layer3[0].conv1.weight.requires_grad
