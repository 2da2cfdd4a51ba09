"""Held-out classes give no training signal, neither for themselves nor against."""

from collections.abc import Callable

import pytest
import torch
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from icpc.errors import UserError
from icpc.losses import align_contrastive_loss

HELD_OUT, KEPT = ['sky', 'traffic light'], [0, 2, 4]


def still(model: torch.nn.Module) -> torch.nn.Module:
    """The same numbers at every pass in training mode."""
    model.decode_head.dropout = torch.nn.Identity()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    return model.train()


def masked_cross_entropy(maps: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Held-out logits at minus infinity, held-out labels ignored."""
    maps = F.interpolate(maps, size=labels.shape[1:], mode='bilinear', align_corners=False)
    maps[:, [1, 3]] = float('-inf')
    labels = labels.masked_fill((labels == 1) | (labels == 3), 255)
    return F.cross_entropy(maps, labels, ignore_index=255)


@pytest.mark.parametrize('head', ['SemanticFPNHead', 'FPNHead'])
def test_losses_are_those_without_the_held_out_channels(
    build: Callable, batch: tuple, head: str
) -> None:
    model = still(build(held_out_classes=HELD_OUT, decode_head=dict(type=head)))
    images, samples = batch
    losses = model.loss(images, samples)
    features = model.backbone(images)
    text = model.prompter(features)
    pyramid, score_maps = model.neck(features, text)
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in samples])
    expected = masked_cross_entropy(model.decode_head(pyramid), labels)
    torch.testing.assert_close(losses['decode.loss_ce'], expected)
    score = 0.4 * sum(masked_cross_entropy(m / 0.07, labels) for m in score_maps)
    torch.testing.assert_close(losses['loss_score_map'], score)
    names = {0: 0, 2: 1, 4: 2}
    few = torch.full_like(labels, 255)
    for old, new in names.items():
        few[labels == old] = new
    align = 0.1 * align_contrastive_loss(features.dense, text[:, KEPT], few)
    torch.testing.assert_close(losses['loss_align'], align)


def test_nothing_of_a_held_out_class_is_trained(build: Callable, batch: tuple) -> None:
    prompter = dict(type='ClassVectorPrompter', _delete_=True)
    model = still(build(held_out_classes=HELD_OUT, prompter=prompter))
    images, samples = batch
    losses = model.loss(images, samples)
    losses['decode.loss_ce'].backward()
    rows = model.decode_head.conv_seg.weight.grad.flatten(1).norm(dim=1)
    assert ((rows > 0).tolist()) == [True, False, True, False, True]
    losses = model.loss(images, samples)
    for parameter in model.prompter.parameters():
        parameter.grad = None
    (losses['loss_score_map'] + losses['loss_align']).backward()
    (vectors,) = (p.grad for p in model.prompter.parameters() if p.requires_grad)
    assert ((vectors.norm(dim=-1).flatten() > 0).tolist()) == [True, False, True, False, True]


def test_which_held_out_class_a_pixel_has_does_not_matter(build: Callable, batch: tuple) -> None:
    model = still(build(held_out_classes=HELD_OUT))
    images, samples = batch
    before = [sample.gt_sem_seg.data.clone() for sample in samples]
    first = model.loss(images, samples)
    assert all(torch.equal(s.gt_sem_seg.data, b) for s, b in zip(samples, before, strict=True))
    swap = torch.tensor([0, 3, 2, 1, 4])
    for sample in samples:
        labels = sample.gt_sem_seg.data
        sample.gt_sem_seg.data = torch.where(labels == 255, 255, swap[labels.clamp(max=4)])
    second = model.loss(images, samples)
    assert {k: v.item() for k, v in first.items()} == {k: v.item() for k, v in second.items()}


def test_predictions_cover_all_classes(build: Callable, batch: tuple) -> None:
    model = build(held_out_classes=HELD_OUT).eval()
    plain = build().eval()
    plain.load_state_dict(model.state_dict())  # the same keys: checkpoints fit either way
    results = [m.predict(batch[0], [SegDataSample() for _ in range(2)]) for m in (model, plain)]
    for ours, others in zip(*results, strict=True):
        assert ours.seg_logits.data.shape[0] == ours.score_logits.data.shape[0] == 5
        torch.testing.assert_close(ours.score_logits.data, others.score_logits.data)


@pytest.mark.parametrize(
    ('held_out', 'message'),
    [
        (['skyy'], "there is no class 'skyy'; did you mean sky"),
        (['sky', 'sky'], 'a class twice'),
        ([], 'must be a list of class names'),
        ([*HELD_OUT, 'wall', 'sea'], 'leave at least two'),
    ],
)
def test_what_cannot_be_held_out_is_refused(build: Callable, held_out: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(held_out_classes=held_out)


def test_class_weights_are_refused(build: Callable) -> None:
    loss = dict(type='CrossEntropyLoss', class_weight=[1.0] * 5, avg_non_ignore=True)
    with pytest.raises(UserError, match='class_weight out'):
        build(held_out_classes=HELD_OUT, decode_head=dict(type='FPNHead', loss_decode=loss))
