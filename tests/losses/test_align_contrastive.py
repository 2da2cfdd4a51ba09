"""ICPC's contrastive loss against the formula of its docstring, one pair at a time."""

import itertools
import math

import pytest
import torch
from mmseg.registry import MODELS
from torch import Tensor

from icpc.losses import AlignContrastiveLoss, align_contrastive_loss
from icpc.structures import CLIPFeatures

TAU = 0.07
GUIDANCE = pytest.mark.parametrize('guidance', ['none', 'weight', 'hard'])


def unit(x: Tensor) -> Tensor:
    return x / x.norm()


def naive_loss(
    dense: Tensor, text: Tensor, labels: Tensor, guidance: str, num_hard: int, negatives: str
) -> Tensor:
    batch, _, h, w = dense.shape
    (height, width), classes = labels.shape[1:], text.shape[1]
    t = [[unit(text[b % len(text), k]) for k in range(classes)] for b in range(batch)]
    x = {(b, p): unit(dense[b, :, p // w, p % w]) for b in range(batch) for p in range(h * w)}
    held = [[[] for _ in range(h * w)] for _ in range(batch)]  # the labels in each cell
    for b, i, j in itertools.product(range(batch), range(height), range(width)):
        if 0 <= labels[b, i, j] < classes:
            held[b][(i * h // height) * w + j * w // width].append(int(labels[b, i, j]))
    r = {}
    for b in range(batch):
        present = sorted(set(itertools.chain(*held[b])))
        for k in present if len(present) > 1 else []:
            r[b, k] = unit(sum(held[b][p].count(k) * x[b, p] for p in range(h * w)))
    losses = []
    for (b, k), region in r.items():
        own = torch.exp(t[b][k] @ region / TAU)
        other = [v for (c, m), v in r.items() if m != k and (c == b or negatives == 'batch')]
        to_regions = [torch.exp(t[b][k] @ v / TAU) for v in other]
        wrong = [m for m in range(classes) if m != k]
        to_texts = [torch.exp(region @ t[b][m] / TAU) for m in wrong]
        if guidance == 'weight':
            belief = [
                torch.stack([torch.exp(t[b][m] @ v / TAU) for m in range(classes)])
                for v in (region, *other)
            ]
            at_region, *at_other = [row / row.sum() for row in belief]
            believed = torch.stack([row[k] for row in at_other]).detach()
            to_regions = [
                s * q / believed.mean() for s, q in zip(to_regions, believed, strict=True)
            ]
            believed = at_region[wrong].detach()
            to_texts = [s * q / believed.mean() for s, q in zip(to_texts, believed, strict=True)]
        if guidance == 'hard':
            at = [p for p in range(h * w) if held[b][p] and k not in held[b][p]]
            scores = sorted((torch.exp(t[b][k] @ x[b, p] / TAU) for p in at), reverse=True)
            to_regions += scores[:num_hard]
            to_texts = sorted(to_texts, reverse=True)[:num_hard]
        losses.append(-torch.log(own / (own + sum(to_regions))) / 2)
        losses[-1] = losses[-1] - torch.log(own / (own + sum(to_texts))) / 2
    return torch.stack(losses).mean()


def some_input(texts: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Three pictures, five classes, a 3 x 4 grid; mixed cells, ignored pixels, an absent class."""
    torch.manual_seed(0)
    dense, text = torch.randn(3, 6, 3, 4).double(), torch.randn(texts, 5, 6).double()
    labels = torch.randint(0, 4, (3, 1, 1)) + torch.randint(0, 2, (3, 7, 8))
    labels[0, :, 4:] = 2
    labels[torch.rand(labels.shape) < 0.2] = 255
    labels[1, :3, :2] = 255  # a cell without a label
    return dense, text, labels


@GUIDANCE
@pytest.mark.parametrize('negatives', ['image', 'batch'])
@pytest.mark.parametrize('num_hard', [2, 100])
@pytest.mark.parametrize('texts', [1, 3])
def test_value_and_gradient_are_the_formulas(
    guidance: str, negatives: str, num_hard: int, texts: int
) -> None:
    dense, text, labels = some_input(texts)
    results = []
    for loss in (align_contrastive_loss, naive_loss):
        leaves = dense.clone().requires_grad_(), text.clone().requires_grad_()
        options = dict(guidance=guidance, num_hard=num_hard, negatives=negatives)
        value = loss(*leaves, labels, **options)
        value.backward()
        results.append((value.detach(), leaves[0].grad, leaves[1].grad))
    # Shares of area are float32 whatever the embeddings are.
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-6)


@GUIDANCE
def test_value_worked_by_hand(guidance: str) -> None:
    """Two classes aligned perfectly with orthogonal texts: every negative has cosine 0."""
    text = torch.eye(2).double()[None]
    labels = torch.tensor([[[0, 0], [1, 1]]])
    dense = torch.nn.functional.one_hot(labels, 2).permute(0, 3, 1, 2).double()
    negatives = {'none': 1, 'weight': 1, 'hard': 1 + 2}[guidance]  # the region, two positions
    expected = math.log(1 + negatives * math.exp(-1 / TAU)) + math.log(1 + math.exp(-1 / TAU))
    loss = align_contrastive_loss(dense, text, labels, guidance=guidance)
    assert loss.item() == pytest.approx(expected / 2, rel=1e-9)


@GUIDANCE
@pytest.mark.parametrize('negatives', ['image', 'batch'])
@pytest.mark.parametrize('label', [255, 3, -1])
def test_without_two_classes_it_is_zero_with_zero_gradient(
    guidance: str, negatives: str, label: int
) -> None:
    dense, text, _ = some_input()
    labels = torch.full((3, 6, 8), label)
    labels[1] = 2 if label == 3 else label  # another class, but in another picture
    dense.requires_grad_()
    text.requires_grad_()
    loss = align_contrastive_loss(dense, text, labels, guidance=guidance, negatives=negatives)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(dense.grad, torch.zeros_like(dense))
    assert torch.equal(text.grad, torch.zeros_like(text))


@GUIDANCE
@pytest.mark.parametrize('negatives', ['image', 'batch'])
def test_a_picture_of_one_class_contributes_nothing(guidance: str, negatives: str) -> None:
    dense, text, labels = some_input()
    labels[2] = 4
    options = dict(guidance=guidance, negatives=negatives)
    alone = align_contrastive_loss(dense[:2], text[:2], labels[:2], **options)
    torch.testing.assert_close(align_contrastive_loss(dense, text, labels, **options), alone)


@GUIDANCE
def test_order_of_classes_and_lengths_of_embeddings_do_not_matter(guidance: str) -> None:
    dense, text, labels = some_input()
    loss = align_contrastive_loss(dense, text, labels, guidance=guidance)
    order = torch.tensor([3, 0, 4, 2, 1])  # class k becomes order[k]
    renamed = torch.where(labels == 255, 255, order[labels.clamp(max=4)])
    permuted = text[:, order.argsort()]
    torch.testing.assert_close(
        align_contrastive_loss(dense, permuted, renamed, guidance=guidance), loss
    )
    lengths = torch.rand(3, 1, 3, 4).double() + 0.1
    scaled = align_contrastive_loss(lengths * dense, 5 * text, labels, guidance=guidance)
    torch.testing.assert_close(scaled, loss)


def test_a_step_against_the_gradient_aligns() -> None:
    dense, text, labels = some_input()
    dense.requires_grad_()
    before = align_contrastive_loss(dense, text, labels)
    before.backward()
    assert align_contrastive_loss(dense.detach() - 0.1 * dense.grad, text, labels) < before


def test_the_module_weighs_and_computes_in_float32() -> None:
    dense, text, labels = some_input()
    dense, text = dense.float(), text.float()
    features = CLIPFeatures((), dense, None)
    loss = MODELS.build(dict(type='AlignContrastiveLoss', weight=0.25, guidance='weight'))
    expected = 0.25 * align_contrastive_loss(dense, text, labels, guidance='weight')
    torch.testing.assert_close(loss(features, text, [], labels), expected)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(loss(features, text, [], labels), expected)
    default = AlignContrastiveLoss()(features, text, [], labels)
    torch.testing.assert_close(default, 0.1 * align_contrastive_loss(dense, text, labels))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(guidance='soft'), "guidance must be one of .*'soft'"),
        (dict(negatives='bank'), "negatives must be one of .*'bank'"),
        (dict(gather=True), "gather=True needs negatives='batch'"),
        (dict(num_hard=0), 'num_hard must be at least 1, got 0'),
    ],
)
def test_mistakes_raise(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AlignContrastiveLoss(**options)
