"""IRN's boundary network: its losses in parts and passes, what trains, edges and their score."""

import itertools

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from icpc.commands.evaluate import evaluate
from icpc.datasets.scenes.scene_files import write_scenes
from icpc.errors import UserError
from icpc.weak.boundary import boundary_losses, pair_affinity, pair_kinds
from icpc.weak.stages import BoundaryNetwork
from icpc.weak.tags.boundary_score import BoundaryScore

BACKBONE = dict(type='Stride16ResNet', model='resnet18', pretrained=False)
PIXELS = dict(type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3, size=(64, 64))


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return BoundaryNetwork(BACKBONE, radius=3, data_preprocessor=dict(PIXELS)).train()


def samples(labels):
    return [SegDataSample(gt_sem_seg=PixelData(data=one[None])) for one in labels]


@pytest.fixture(scope='module')
def batch():
    torch.manual_seed(1)
    labels = torch.tensor([0, 0, 1, 2, 255])[torch.randint(5, (2, 8, 8))]
    return torch.randn(2, 3, 64, 64), labels.repeat_interleave(8, 1).repeat_interleave(8, 2)


def test_the_losses_add_up_to_the_published_total_and_reach_what_is_new(model, batch):
    inputs, labels = batch
    losses = model.loss(inputs, samples(labels))
    features = model.extract_feat(inputs)
    assert [len(one[0]) for one in features] == [64, 64, 128, 256, 512]
    cells = labels[:, 2::4, 2::4]
    edges, moved = model.edge_logits(features), model.displacement(features)
    expected = boundary_losses(edges, moved, cells, 3)['total_loss']
    torch.testing.assert_close(sum(losses.values()), expected)
    model.zero_grad()
    sum(losses.values()).backward()
    trained = {name.split('.')[0] for name, p in model.named_parameters() if p.grad is not None}
    assert trained == {'edges', 'edge', 'displacement'}
    assert not model.backbone.training
    assert not any(p.requires_grad for p in model.backbone.parameters())


def test_passes_weighted_by_their_pairs_are_the_whole_batch(model, batch):
    """Pictures of which one shows background alone, so that half of a mean would be wrong."""
    inputs, labels = batch[0], batch[1].clone()
    labels[1, :, 8:] = 0
    whole, units = model.loss(inputs, samples(labels)), model.loss_units(samples(labels))
    parts = [(inputs[i : i + 1], samples(labels[i : i + 1])) for i in range(2)]
    for name, value in whole.items():
        shares = [model.loss_units(given)[name] / units[name] for _, given in parts]
        losses = [model.loss(*part)[name] for part in parts]
        mean = sum(share * loss for share, loss in zip(shares, losses, strict=True))
        torch.testing.assert_close(mean, value, rtol=1e-5, atol=1e-6)
    small = [SegDataSample(gt_sem_seg=PixelData(data=labels[:1, :40, :48]))]
    padded = labels[:1].clone()
    padded[:, 40:], padded[:, :, 48:] = 255, 255
    assert model.loss_units(small) == model.loss_units(samples(padded))  # as a batch pads it


def test_an_unknown_seed_has_the_id_that_the_data_set_ignores(model, batch):
    """255 is a class like any other where there are more of them."""
    inputs, labels = batch
    wide = torch.where(labels == 255, 65535, labels)
    wide = torch.where(wide == 2, 255, wide)
    other = BoundaryNetwork(BACKBONE, radius=3, ignore_index=65535, data_preprocessor=dict(PIXELS))
    other.load_state_dict(model.state_dict())
    assert other.loss_units(samples(wide)) == model.loss_units(samples(labels))
    assert other.loss_units(samples(wide[:, :40])) == model.loss_units(samples(labels[:, :40]))
    torch.testing.assert_close(
        other.loss(inputs, samples(wide)), model.loss(inputs, samples(labels))
    )
    scores = []
    for ignored, given in ((255, labels), (65535, wide)):
        metric = BoundaryScore(radius=3, ignore_index=ignored)
        edge = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
        metric.process(None, [{'gt_sem_seg': {'data': given[:1]}, 'pred_edge': {'data': edge}}])
        scores.append(metric.evaluate(1)['boundary_AUC'])
    assert scores[0] == scores[1]


@torch.no_grad()
def test_edges_have_a_cell_for_4_pixels_and_follow_a_mirror_image(model):
    inputs = torch.randn(1, 3, 64, 64)
    (found,), (mirrored,) = model.predict(inputs), model.predict(inputs.flip(-1))
    edge = found.pred_edge.data
    assert 0 < edge.min() < edge.max() < 1
    torch.testing.assert_close(edge, mirrored.pred_edge.data.flip(-1), rtol=1e-4, atol=1e-5)
    (odd,) = model.predict(torch.randn(1, 3, 41, 55))
    assert odd.pred_edge.data.shape == (1, 11, 14)
    assert odd.pred_sem_seg.data.shape == (1, 41, 55)


def test_the_score_is_the_share_of_pairs_in_the_right_order():
    torch.manual_seed(0)
    edge, labels = torch.rand(1, 8, 8), torch.randint(3, (1, 8, 8))
    labels[0, 0] = 255
    metric = BoundaryScore(radius=3)
    sample = {'gt_sem_seg': {'data': labels}, 'pred_edge': {'data': edge}}
    metric.process(None, [sample, sample])
    affinity = (pair_affinity(edge[None], 3) * 1000).round()
    background, foreground, apart = pair_kinds(labels, 3)
    pairs = itertools.product(affinity[background | foreground], affinity[apart])
    right = [float(a > b) + float(a == b) / 2 for a, b in pairs]
    assert metric.evaluate(2)['boundary_AUC'] == pytest.approx(100 * sum(right) / len(right))


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(radius=1), 'radius'),
        (dict(backbone=dict()), 'needs a type'),
        (dict(radius=9, data_preprocessor=PIXELS), 'crop_size to at least 65, .* at most 8'),
    ],
)
def test_what_is_no_network_of_edges_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        BoundaryNetwork(**{'backbone': BACKBONE, **options})


@pytest.mark.parametrize(
    ('config', 'tta', 'split', 'words'),
    [
        ('irn_tiny_scenes-128', True, 'test', '--tta: BoundaryNetwork gives no logits of classes'),
        ('cam_tiny_scenes-128', False, 'test', 'the config has no test_dataloader; take --split v'),
    ],
)
def test_an_evaluation_that_a_stage_does_not_have_is_refused(tmp_path, config, tta, split, words):
    list(write_scenes(tmp_path, {'training': 2, 'validation': 1, 'test': 1}, size=32))
    torch.save({'state_dict': {}}, tmp_path / 'one.pth')
    options = [f'data_root={tmp_path}', 'model.clip.pretrained=None']
    with pytest.raises(UserError, match=words):
        evaluate(f'pole/{config}', str(tmp_path / 'one.pth'), options, tta=tta, split=split)
