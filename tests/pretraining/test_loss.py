"""The multi-positive loss against open_clip's, and against loops."""

import math

import torch
from open_clip.loss import ClipLoss
from torch.nn import functional as F

from icpc.pretraining.loss import MultiPositiveClipLoss, TagLoss, caption_truth


def _features(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, 8, generator=generator, dtype=torch.float64), dim=1)


def test_one_true_caption_each_is_open_clips_loss() -> None:
    images, texts, scale = _features(6), _features(6, 1), torch.tensor(14.0)
    ours = MultiPositiveClipLoss()(images, texts, scale, torch.eye(6, dtype=torch.bool))
    assert torch.allclose(ours, ClipLoss()(images, texts, scale), atol=1e-12)


def test_positives_do_not_compete() -> None:
    images, texts, scale = _features(3), _features(4, 1), torch.tensor(5.0)
    truth = torch.tensor([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]).bool()
    logits = 5.0 * images @ texts.T

    def naive(logits: torch.Tensor, truth: torch.Tensor) -> float:
        rows = []
        for row, true in zip(logits.tolist(), truth.tolist(), strict=True):
            wrong = sum(math.exp(v) for v, t in zip(row, true, strict=True) if not t)
            terms = [
                -math.log(math.exp(v) / (math.exp(v) + wrong))
                for v, t in zip(row, true, strict=True)
                if t
            ]
            if terms:
                rows.append(sum(terms) / len(terms))
        return sum(rows) / len(rows)

    expected = (naive(logits, truth) + naive(logits.T, truth.T)) / 2
    ours = MultiPositiveClipLoss()(images, texts, scale, truth)
    assert abs(ours.item() - expected) < 1e-10


def test_a_caption_true_of_all_or_none_has_a_finite_gradient() -> None:
    images = _features(3).requires_grad_()
    truth = torch.tensor([[1, 0], [1, 0], [1, 0]]).bool()
    MultiPositiveClipLoss()(images, _features(2, 1), torch.tensor(14.0), truth).backward()
    assert torch.isfinite(images.grad).all()


def test_tag_loss_by_hand() -> None:
    loss = TagLoss(bias=0.0)(
        torch.tensor([[1.0, 0.0]]), torch.eye(2), torch.tensor(2.0), torch.tensor([[True, False]])
    )
    expected = (math.log(1 + math.exp(-2.0)) + math.log(2.0)) / 2
    assert abs(loss.item() - expected) < 1e-6


def test_caption_truth_by_hand() -> None:
    tags = torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    named = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]]).bool()
    truth = caption_truth(
        named,
        told=torch.tensor([-1, -1, 1, -1]),
        tags=tags,
        conditions=torch.tensor([0, 1]),
        of=torch.tensor([0, 0, 1, -1]),
    )
    assert truth.tolist() == [[True, True, False, False], [True, False, True, False]]
