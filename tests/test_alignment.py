"""Score maps, area counts and region means against naive loops."""

import pytest
import torch
from torch.nn import functional as F

from icpc.alignment import class_area, cosine_score_map, region_means


def test_score_map_is_the_cosine_of_every_position_with_every_class() -> None:
    torch.manual_seed(0)
    dense, text = torch.randn(2, 5, 3, 4).double(), torch.randn(2, 6, 5).double()
    scores = cosine_score_map(dense, text)
    assert scores.shape == (2, 6, 3, 4)
    for b, k, i, j in torch.cartesian_prod(*map(torch.arange, scores.shape)).tolist():
        expected = F.cosine_similarity(dense[b, :, i, j], text[b, k], dim=0)
        assert abs(scores[b, k, i, j] - expected) < 1e-12


def test_score_map_shares_one_text_and_ignores_lengths() -> None:
    torch.manual_seed(0)
    dense, text = torch.randn(2, 5, 3, 4).double(), torch.randn(1, 6, 5).double()
    scores = cosine_score_map(dense, text)
    assert torch.equal(scores, cosine_score_map(dense, text.expand(2, -1, -1)))
    torch.testing.assert_close(cosine_score_map(7 * dense, 0.1 * text), scores)


def test_class_area_counts_pixels_of_each_cell() -> None:
    labels = torch.tensor([[[0, 0, 1, 255], [0, 2, 2, 3], [1, 1, -1, 2]]])  # 3 is no class here
    area = class_area(labels, num_classes=3, size=(1, 2))
    assert area.tolist() == [[[3.0, 0.0], [2.0, 1.0], [1.0, 2.0]]]


def test_class_area_on_a_grid_that_does_not_divide_the_picture() -> None:
    torch.manual_seed(0)
    labels = torch.randint(0, 5, (2, 7, 10))
    area = class_area(labels, num_classes=4, size=(3, 4))  # class 4 is left out
    expected = torch.zeros(2, 4, 12)
    for b, i, j in torch.cartesian_prod(*map(torch.arange, labels.shape)).tolist():
        if labels[b, i, j] < 4:
            expected[b, labels[b, i, j], (i * 3 // 7) * 4 + j * 4 // 10] += 1
    assert torch.equal(area, expected)


def test_class_area_follows_the_cells_of_the_network() -> None:
    """A label at every position, upsampled by a whole factor, comes back as itself."""
    torch.manual_seed(0)
    coarse = torch.randint(0, 3, (1, 4, 6))
    labels = coarse.repeat_interleave(8, dim=1).repeat_interleave(8, dim=2)
    area = class_area(labels, num_classes=3, size=(4, 6))
    assert torch.equal(area.argmax(dim=1), coarse.flatten(1))
    assert area.max() == 64


def test_region_means_weigh_positions_by_their_area() -> None:
    torch.manual_seed(0)
    dense = torch.randn(2, 5, 2, 3).double()
    area = torch.randint(0, 4, (2, 3, 6)).float()
    area[1, 2] = 0  # absent
    area[0, 1] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])  # a single pixel
    means, present = region_means(dense, area)
    assert present.tolist() == [[True, True, True], [True, True, False]]
    assert means[1, 2].eq(0).all()
    torch.testing.assert_close(means[0, 1], dense[0].flatten(1)[:, 2])
    for b, k in present.nonzero().tolist():
        weighted = sum(area[b, k, p] * dense[b].flatten(1)[:, p] for p in range(6))
        torch.testing.assert_close(means[b, k], weighted / area[b, k].sum())


@pytest.mark.parametrize('texts', [1, 2])
@pytest.mark.parametrize('length', [0, 1e-14, 1, 1e6])
def test_score_map_and_its_gradients_are_those_of_normalised_embeddings(texts, length) -> None:
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(2, 70, 3, 5, generator=generator, dtype=torch.float64)
    text = torch.randn(texts, 4, 70, generator=generator, dtype=torch.float64)
    dense[:, :, 1] *= length
    upstream = torch.randn(2, 4, 3, 5, generator=generator, dtype=torch.float64)
    leaves = dense.requires_grad_(), text.requires_grad_()
    scores = cosine_score_map(*leaves)
    pixels, classes = F.normalize(dense, dim=1), F.normalize(text, dim=2).expand(2, -1, -1)
    expected = torch.einsum('bkd,bdhw->bkhw', classes, pixels)
    torch.testing.assert_close(scores, expected, rtol=1e-12, atol=1e-14)
    found, wanted = (torch.autograd.grad(one, leaves, upstream) for one in (scores, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
