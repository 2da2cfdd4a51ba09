"""The parts of weakly supervised segmentation against loops and brute force."""

import math

import pytest
import torch
from torch.nn import functional as F

from icpc.errors import UserError
from icpc.weak.adapters import Adapter
from icpc.weak.boundary import boundary_losses
from icpc.weak.dense_crf import CRF, Dense, dense_crf, energies_of_labels, energies_of_probabilities
from icpc.weak.lattice import Lattice
from icpc.weak.losses import area_loss, clims_losses, masked_views, tagged_pairs
from icpc.weak.published_softmax import published_softmax
from icpc.weak.selection import (
    choose_names,
    masked_pictures,
    read_candidates,
    read_choices,
    summary,
    write_choices,
)
from icpc.weak.walk import paths, random_walk, transition


def random(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_losses_are_those_of_a_loop():
    maps = random(2, 3, 4, 5).requires_grad_()
    labels = torch.tensor([[1, 0, 1], [0, 1, 0]])
    pairs = tagged_pairs(labels)
    assert pairs.tolist() == [[0, 0], [0, 2], [1, 1]]
    front, back, phrases = random(3, 6), random(4, 6)[:3] - 0.6, random(2, 6).flip(1)
    texts = random(3, 6) - 0.4
    losses = clims_losses(front, back, texts, phrases, maps, threshold=0.5)
    otm = btm = cbs = 0.0
    for i in range(3):
        near = float(F.cosine_similarity(front[i], texts[i], dim=0))
        apart = float(F.cosine_similarity(back[i], texts[i], dim=0))
        otm -= math.log(min(max(near, 1e-4), 0.9999)) / 3
        btm -= math.log(1 - min(max(apart, 1e-4), 0.9999)) / 3
        for phrase in phrases:
            against = float(F.cosine_similarity(front[i], phrase, dim=0))
            cbs -= math.log(1 - against) if against > 0.5 else 0
    expected = [otm, btm, cbs, float(maps.mean())]
    assert [float(losses[n]) for n in ('otm', 'btm', 'cbs', 'reg')] == pytest.approx(expected)
    assert float(area_loss(maps, labels)) == pytest.approx(
        float(torch.stack([maps[n, k].mean() for n, k in pairs]).mean())
    )


def test_no_tags_give_no_loss_and_no_nan():
    none = torch.zeros(0, 4)
    maps = random(1, 2, 3, 3).requires_grad_()
    losses = clims_losses(none, none, none, random(2, 4), maps, threshold=0.2)
    assert [float(losses[name]) for name in ('otm', 'btm', 'cbs')] == [0, 0, 0]


def test_masked_views_share_the_picture():
    pictures, maps = random(1, 3, 8, 6), random(1, 2, 4, 3)
    views = masked_views(pictures, maps, torch.tensor([[0, 1]]), 12)
    whole = F.interpolate(pictures, (12, 12), mode='bilinear', align_corners=True)
    torch.testing.assert_close(views.foreground + views.background, whole)


def test_adapter_mixes_and_trains_its_vector():
    adapter, z = Adapter(8), random(2, 8)
    torch.testing.assert_close(adapter(z), 0.2 * adapter.fc(z) + 0.8 * z)
    adapter(z).sum().backward()
    assert adapter.ratio_vector.grad.abs().sum() > 0
    assert len(list(Adapter(8, learned_ratio=False).parameters())) == 2


def test_the_first_best_name_is_chosen_and_its_table_is_kept(tmp_path):
    pictures = torch.tensor([[1.0, 0.0]])
    names = torch.tensor([[[0.0, 1.0], [2.0, 0.0], [3.0, 0.0]]])
    assert choose_names(pictures, names).index.tolist() == [1]
    choices = {'a': {'cat': 'kitten'}, 'b': {'cat': 'cat'}}
    write_choices(tmp_path / 'c.json', choices)
    assert read_choices(tmp_path / 'c.json') == choices
    assert summary(choices, {})['cat'] == ({'kitten': 1, 'cat': 1}, 0.5)
    picture = torch.tensor([[[10, 20, 30]]], dtype=torch.uint8)
    cam = torch.full((1, 1, 1), 0.5)
    assert masked_pictures(picture, cam).tolist() == [[[[5, 10, 15]]]]
    slip = [value * 255 // 2 % 256 for value in (30, 20, 10)]
    assert masked_pictures(picture, cam, published=True).tolist() == [[[slip]]]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('cat', 'class: name'),
        ('cat: cat, , x\ndog: dog', 'class: name'),
        ('cat: cat\ncat: x', 'comes twice'),
        ('cat: cat\ncow: cow', 'is no class'),
        ('cat: cat, cat\ndog: dog', 'comes twice'),
        ('cat: cat', 'no names for dog'),
    ],
)
def test_a_wrong_names_file_is_refused(tmp_path, text, message):
    (tmp_path / 'n.txt').write_text(text)
    with pytest.raises(UserError, match=message):
        read_candidates(tmp_path / 'n.txt', ['cat', 'dog'])


def test_walk_is_the_dense_one():
    cam, edge = random(2, 6, 7), random(6, 7) * 0.8
    cells = 42
    matrix = torch.eye(cells, dtype=torch.float64)
    for way in paths(3):
        dy, dx = way[0]
        for y in range(6):
            for x in range(7):
                if 0 <= y + dy < 6 and 0 <= x + dx < 7:
                    a, b = y * 7 + x, (y + dy) * 7 + x + dx
                    weight = 1 - max(float(edge[y + v, x + u]) for v, u in way)
                    matrix[a, b] = matrix[b, a] = weight
    step = matrix.pow(4) / matrix.pow(4).sum(0, keepdim=True)
    expected = (cam * (1 - edge)).double().flatten(1) @ torch.matrix_power(step, 8)
    walked = random_walk(cam, edge, radius=3, beta=4, exponent=3).flatten(1)
    torch.testing.assert_close(walked.double(), expected, rtol=1e-5, atol=1e-6)
    # One step is rounded as the published dense float32 matrix is, whose columns torch adds up.
    affinity = matrix.float().pow(4)
    published = affinity / affinity.sum(0, keepdim=True)
    assert torch.equal(transition(edge, 3, 4).to_dense().T, published)


def test_boundary_loss_prefers_edges_between_classes():
    labels = torch.zeros(1, 8, 8)
    labels[..., 4:] = 1
    edge = torch.full((1, 1, 8, 8), -4.0)
    moved = torch.zeros(1, 2, 8, 8)
    flat = boundary_losses(edge, moved, labels, 3)
    edge[..., 3:5] = 4.0
    drawn = boundary_losses(edge, moved, labels, 3)
    assert drawn['neg_aff_loss'] < 0.1 < flat['neg_aff_loss']


def test_dense_crf_is_the_mean_field_of_all_pairs():
    picture = (random(4, 5, 3) * 255).byte()
    labels = (random(4, 5) > 0.5).long()
    crf = CRF(2, 3, 1.5, 4, 6, 40)
    energies = energies_of_labels(labels, 2).double()
    spots = [(x, y, *picture[y, x].tolist()) for y in range(4) for x in range(5)]
    kernel = torch.zeros(2, 20, 20, dtype=torch.float64)
    for i, a in enumerate(spots):
        for j, b in enumerate(spots):
            near = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
            alike = sum((p - q) ** 2 for p, q in zip(a[2:], b[2:], strict=True))
            kernel[0, i, j] = math.exp(-near / 2 / 1.5**2)
            kernel[1, i, j] = math.exp(-near / 2 / 36 - alike / 2 / 1600)
    norms = kernel.sum(2).rsqrt()
    kernel = norms[:, :, None] * kernel * norms[:, None]
    unary = -energies.flatten(1)
    belief = unary.softmax(0)
    for _ in range(2):
        belief = (unary + 3 * belief @ kernel[0] + 4 * belief @ kernel[1]).softmax(0)
    ours = dense_crf(picture, energies, crf, Dense).flatten(1)
    torch.testing.assert_close(ours, belief)


def test_the_lattice_is_near_the_gaussian():
    points = random(60, 2).double() * 6
    ones = torch.ones(60, 1, dtype=torch.float64)
    lattice, exact = Lattice(points).filter(ones), Dense(points).filter(ones)
    # The published lattice knows the Gaussian up to a factor, which the norm of a CRF takes out.
    ratio = lattice / exact
    assert float((ratio / ratio.mean() - 1).abs().max()) < 0.35


@pytest.mark.parametrize(
    ('classes', 'expected'),
    [
        (3, [[0.7648666, 0.01515833, 0.21997501], [0.002873, 0.00167313, 0.99545383]]),
        (9, [[0.37184417, 0.04498946, 0.11850309], [0.03397212, 0.01816603, 0.05972496]]),
    ],
)
def test_the_crf_rounds_as_the_published_one(classes, expected):
    """Values of pydensecrf2 1.1; corners found in another order of sums are 6e-3 away."""
    y, x, k = torch.meshgrid(torch.arange(30), torch.arange(26), torch.arange(3), indexing='ij')
    picture = ((y * y * 3 + x * 13 + y * x + k * 40) // 3 % 256).byte()
    waves = [torch.sin((y * (i + 1) + x * (3 - i))[..., 0] / 9.0) for i in range(classes)]
    energies = energies_of_probabilities((2 * torch.stack(waves)).softmax(0))
    found = dense_crf(picture, energies)
    at = torch.stack([found[:3, 28, 0], found[:3, 15, 13]])
    torch.testing.assert_close(at, torch.tensor(expected), rtol=0, atol=2e-6)


def test_the_published_softmax_is_one():
    """Of one packet, of several, and of classes that are left beside them."""
    for classes in (1, 3, 4, 6, 8, 13, 21):
        scores = random(50, classes) * 30 - 15
        ours = published_softmax(scores)
        torch.testing.assert_close(ours, scores.softmax(1), rtol=1e-6, atol=1e-7)
        assert torch.equal(published_softmax(scores.double()), scores.double().softmax(1))
