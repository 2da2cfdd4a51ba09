"""Training pads a picture as prediction does, and the padding counts in no loss."""

from collections.abc import Callable

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from icpc.picture_sizes import pad_samples
from icpc.training.global_mean import GlobalMean

SIZE, PADDED = (60, 70), (64, 80)  # of a ViT with patches of 16
FCN = dict(type='FCNHead', channels=8, num_convs=1, in_index=0, _delete_=True)
FCN |= dict(
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True), norm_cfg=dict(type='BN')
)
SHIFT = (0, PADDED[1] - SIZE[1], 0, PADDED[0] - SIZE[0])


def picture(size=SIZE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 5, (1, *size), generator=generator)
    labels[:, :3] = 255
    return torch.randn(3, *size, generator=generator), labels


def sample(labels):
    return SegDataSample(gt_sem_seg=PixelData(data=labels))


@pytest.mark.parametrize(
    ('base', 'parts'),
    [
        ('icpc', {}),
        ('icpc', dict(held_out_classes=['sky'])),
        ('icpc', dict(decode_head=FCN)),
        ('pmss', {}),
        ('clip_fpn', {}),
    ],
    ids=str,
)
def test_losses_are_those_of_the_padded_picture_with_ignored_padding(build, base, parts) -> None:
    model = build('vit', base, **parts).train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.dropout._DropoutNd):
            module.p = 0.0
    images, labels = picture()
    found = model.loss(images[None], [sample(labels)])
    wide = sample(F.pad(labels, SHIFT, value=255))
    expected = model.loss(F.pad(images, SHIFT)[None], [wide])
    assert any('decode.loss' in name for name in found)
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_a_prediction_fits_the_labels_that_were_trained(build: Callable) -> None:
    """Position for position: what the loss compares is what is predicted, before cutting off."""
    model = build('vit').eval()
    images, _ = picture()
    (own,) = model.predict(images[None])
    (wide,) = model.predict(F.pad(images, SHIFT)[None])
    cut = wide.seg_logits.data[:, : SIZE[0], : SIZE[1]]
    torch.testing.assert_close(own.seg_logits.data, cut)


def test_all_label_maps_of_a_sample_are_padded() -> None:
    full = sample(torch.ones(1, *SIZE).long())
    full.gt_edge_map = PixelData(data=torch.ones(1, *SIZE).long())
    full.set_metainfo(dict(img_path='a.png'))
    (padded,) = pad_samples([full], 16, 255)
    assert full.gt_sem_seg.shape == SIZE
    assert padded.gt_sem_seg.shape == padded.gt_edge_map.shape == PADDED
    assert padded.gt_sem_seg.data.sum() == 60 * 70 + 255 * (64 * 80 - 60 * 70)
    assert padded.metainfo == full.metainfo
    assert pad_samples([padded], 16, 255)[0] is padded


def test_units_of_pictures_of_many_sizes_add_up(build: Callable) -> None:
    model = build('resnet')
    made = [picture((32 + 8 * i, 64 - 8 * i), i)[1] for i in range(4)]
    samples = [sample(labels) for labels in made]
    one_by_one = [model.loss_units([one]) for one in samples]
    together = model.loss_units(samples)
    assert set(together) == {'', 'decode.loss_ce', 'loss_align'}
    for name, value in together.items():
        assert value == sum(units[name] for units in one_by_one)
    assert together[''] == sum((labels != 255).sum() for labels in made)
    weights = GlobalMean(model).weigh(
        [dict(data_samples=samples[:3]), dict(data_samples=samples[3:])]
    )
    assert len(weights) == 2


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (dict(losses=dict(score_map=dict(ignore_index=0))), 'losses.score_map.ignore_index is 0'),
        (dict(decode_head=dict(ignore_index=None)), 'model.decode_head.ignore_index is None'),
        (
            dict(data_preprocessor=dict(type='SegDataPreProcessor', seg_pad_val=0)),
            'data_preprocessor.seg_pad_val is 0, but model.decode_head.ignore_index is 255',
        ),
    ],
)
def test_padding_with_a_label_that_counts_is_refused(build: Callable, parts, message) -> None:
    with pytest.raises(ValueError, match=message):
        build(**parts)
