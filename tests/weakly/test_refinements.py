"""Refinements against what they are made of: a CRF, a walk along edges, attention of a CLIP."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import PixelData
from tiny_clips import TINY_RESNET, TINY_VIT
from torch.nn import functional as F

from icpc.errors import UserError
from icpc.weak.dense_crf import CRF, SEED_CRF, Dense, dense_crf
from icpc.weak.walk import random_walk
from icpc.weakly.refinement import refiner
from icpc.weakly.refiners import boundary_walk, crf_maps
from icpc.weakly.refiners.attention_affinity import AttentionAffinity, _boxes


def test_the_crf_gives_probabilities_that_follow_the_picture(monkeypatch):
    image = torch.zeros(3, 10, 12)
    image[:, :, 6:] = 200
    maps = torch.zeros(2, 10, 12)
    maps[0, 3:8, 1:6], maps[1, 4:6, 9:11] = 0.9, 0.4
    found = crf_maps.crf_maps(image, maps, background=0.3)
    assert (found >= 0).all()
    assert (found.sum(dim=0) <= 1 + 1e-5).all()
    assert found[0, :, :6].mean() > 5 * found[0, :, 6:].mean()
    monkeypatch.setattr(crf_maps, 'dense_crf', lambda *args: dense_crf(*args, kernel=Dense))
    given = torch.cat([torch.full((1, 10, 12), 0.3), maps])
    energies = -(given / given.sum(dim=0)).clamp(min=1e-5).log()
    settings = CRF(2, *SEED_CRF[1:])
    expected = dense_crf(image.permute(1, 2, 0), energies, settings, Dense)[1:]
    torch.testing.assert_close(crf_maps.crf_maps(image, maps, 0.3, iterations=2), expected)


def test_a_walk_stops_at_edges(monkeypatch):
    """A wall of edges behind the left half of a picture; the network says where, for its own eyes.

    The picture comes to it in the order of its config: blue, green, red.
    """
    edge = torch.zeros(1, 8, 10)
    edge[0, :, 5] = 1.0
    seen = []

    def test_step(data):
        seen.append(data)
        return [SimpleNamespace(pred_edge=PixelData(data=edge))]

    model = SimpleNamespace(test_step=test_step, edge_logits=None)
    monkeypatch.setattr(boundary_walk, 'load_model', lambda *_: SimpleNamespace(model=model))
    maps = torch.zeros(2, 30, 38)
    maps[0, 8:16, 4:12], maps[1, 4:8, 28:32] = 0.8, 0.1
    image = torch.arange(3.0)[:, None, None].expand(3, 30, 38)
    found = refiner('irn', {'network': 'here', 'exponent': 4})(image, maps)
    assert seen[0]['inputs'][0][:, 0, 0].tolist() == [2, 1, 0]
    assert found[0, :, :20].mean() > 100 * found[0, :, 24:].mean()
    assert found[1, :, 24:].min() > 100 * found[1, :, :18].max()
    cells = F.adaptive_avg_pool2d(maps, (8, 10))
    cells = cells / (cells.amax(dim=(1, 2), keepdim=True) + 1e-5)
    walked = random_walk(cells, edge[0], exponent=4)[None]
    whole = F.interpolate(walked, scale_factor=4, mode='bilinear')[0, :, :30, :38]
    torch.testing.assert_close(found, whole / whole.max())


@pytest.fixture(scope='module')
def affinity():
    torch.manual_seed(0)
    return AttentionAffinity(TINY_VIT, None, blocks=2, device='cpu')


@torch.no_grad()
def test_the_affinity_is_the_mean_attention_made_doubly_stochastic(affinity):
    images = torch.randn(1, 3, 40, 64)
    matrix, grid = affinity.affinity(images)
    assert grid == (3, 4)
    network = affinity.network
    x, _ = network._embed(F.pad(images, (0, 0, 0, 8)))
    weights = []
    for block in network.visual.transformer.resblocks:
        read = block.ln_1(x)
        heads = block.attn.num_heads
        q, k, _ = F.linear(read, block.attn.in_proj_weight, block.attn.in_proj_bias).chunk(3, -1)
        q, k = (one.unflatten(2, (heads, -1)).transpose(1, 2) for one in (q, k))
        scores = (q @ k.transpose(2, 3)) / q.shape[-1] ** 0.5
        weights.append(scores.softmax(dim=-1).mean(dim=1)[0, 1:, 1:])
        x = block(x)
    expected = sum(weights[-2:]) / 2
    for _ in range(3):
        expected = expected / expected.sum(dim=0, keepdim=True)
        expected = expected / expected.sum(dim=1, keepdim=True)
    expected = (expected + expected.T) / 2
    torch.testing.assert_close(matrix, expected @ expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(12), rtol=0.05, atol=0)


def test_maps_flow_within_boxes(affinity):
    values = torch.zeros(5, 6)
    values[0, 0], values[2, 2], values[3, 3], values[4, 5] = 1.0, 0.8, 0.8, 0.3
    boxes = _boxes(values, 0.4)
    expected = torch.zeros(5, 6)
    expected[0, 0], expected[2:4, 2:4] = 1, 1
    assert boxes.tolist() == expected.tolist()
    maps = torch.rand(2, 40, 64)
    found = affinity(torch.rand(3, 40, 64) * 255, maps)
    assert found.shape == maps.shape
    assert found.min() >= 0
    assert found.amax(dim=(1, 2)).max() <= 1


@pytest.mark.parametrize(
    ('name', 'options', 'words'),
    [
        ('crf', {'background': 1.5}, 'background must lie in 0..1'),
        ('crf', {'iterations': 'ten'}, 'refine=crf with .*ten'),
        ('pamr', {'dilations': 'wide'}, 'refine=pamr with .*wide'),
        ('irn', {}, 'needs the option network'),
        ('irn', {'network': 'nowhere'}, 'nowhere'),
        ('affinity', {'model': TINY_RESNET, 'pretrained': None}, 'needs a CLIP with a vision'),
        ('affinity', {'model': TINY_VIT, 'pretrained': None, 'blocks': 5}, 'blocks must be 1 .. 4'),
    ],
)
def test_options_that_mean_nothing_are_refused(name, options, words):
    with pytest.raises(UserError, match=words):
        refiner(name, options)
