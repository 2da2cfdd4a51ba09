"""DeepLabV2 on pseudo masks: network, balanced loss over passes, schedule, leaves."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image
from torch import nn
from torch.nn import functional as F

from icpc.building import build_model
from icpc.checkpoints.fitting import load_weights
from icpc.config.load import load_config
from icpc.errors import UserError
from icpc.startup.packaged import configs_folder
from icpc.training.global_mean import GlobalMean, weighted
from icpc.weak.dense_crf import dense_crf, energies_of_probabilities
from icpc.weak.retraining import AtrousResNet, DeepLabV2, SteppedPolyLR
from icpc.weak.retraining.balanced_loss import nearest

SMALL = dict(type='AtrousResNet', model='resnet50', pretrained=False, blocks=(1, 1, 2, 1), width=4)
NAMES = ('background', 'cat', 'dog')


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return DeepLabV2(NAMES, SMALL, rates=(1, 2)).train()


def sample(labels):
    return SegDataSample(gt_sem_seg=PixelData(data=torch.as_tensor(labels)[None].long()))


def test_the_last_two_stages_are_dilated_and_norms_stay():
    network = AtrousResNet('resnet50', False, blocks=(1, 2, 2, 2), width=4).train()
    pyramid = network(torch.randn(1, 3, 65, 90)).pyramid
    # The pool rounds up: 65 -> 33 -> 17 -> 9.
    assert [tuple(one.shape[2:]) for one in pyramid] == [(17, 23), (9, 12), (9, 12), (9, 12)]
    found = [[block.conv2.dilation[0] for block in stage] for stage in network.stages]
    assert found == [[1], [1, 1], [2, 2], [4, 4]]
    assert (network.net.layer2[0].conv1.stride, network.net.layer2[0].conv2.stride) == (
        (2, 2),
        (1, 1),
    )
    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    assert norms
    assert not any(one.training or one.weight.requires_grad for one in norms)
    other = AtrousResNet('resnet50', False, stride_in_1x1=False, blocks=(1, 1, 1, 1), width=4)
    assert other.net.layer2[0].conv2.stride == (2, 2)


@pytest.mark.parametrize('size', [(5, 5), (9, 7), (3, 30), (12, 11)])
def test_labels_shrink_as_pil_s(size):
    labels = np.random.default_rng(0).integers(0, 256, (10, 33), np.uint8)
    expected = np.array(Image.fromarray(labels).resize(size[::-1], Image.NEAREST))
    assert np.array_equal(nearest(torch.from_numpy(labels), size).numpy(), expected)


def test_levels_and_their_balanced_losses(model):
    pictures = torch.randn(2, 3, 33, 41)
    labels = torch.randint(0, 3, (2, 33, 41))
    labels[0, :9] = 255
    first, half, most, best = model.levels(pictures)
    smaller = F.interpolate(pictures, scale_factor=0.5, mode='bilinear')
    torch.testing.assert_close(half, model.decode_head(model.backbone(smaller).pyramid[-1]))
    sizes = [F.interpolate(one, first.shape[2:], mode='bilinear') for one in (first, half, most)]
    assert torch.equal(best, torch.maximum(torch.maximum(sizes[0], sizes[1]), sizes[2]))
    losses = model.loss(pictures, [sample(one) for one in labels])
    for index, logits in enumerate((first, half, most, best)):
        size = logits.shape[-1], logits.shape[-2]
        small = np.stack(
            [np.array(Image.fromarray(one.byte().numpy()).resize(size, 0)) for one in labels]
        )
        each = {True: [], False: []}
        for n, y, x in zip(*np.nonzero(small != 255), strict=True):
            label = int(small[n, y, x])
            each[label == 0].append(-logits[n, :, y, x].log_softmax(0)[label])
        for kind, values in (('background', each[True]), ('foreground', each[False])):
            torch.testing.assert_close(
                losses[f'loss_{kind}_{index}'], sum(values) / len(values) / 2
            )
    assert len(losses) == 8


@pytest.mark.parametrize('balanced', [True, False])
def test_passes_give_the_halves_of_the_whole_batch(model, balanced):
    """One picture has no foreground, one no background, one nothing that counts."""
    model.balanced = balanced
    pictures = torch.randn(4, 3, 24, 24)
    labels = torch.randint(0, 3, (4, 24, 24))
    labels[1] = 0
    labels[2] = labels[2].clamp(min=1)
    labels[3] = 255
    samples = [sample(one) for one in labels]
    parameters = [one for one in model.parameters() if one.requires_grad]
    whole = model.loss(pictures, samples)
    expected = torch.autograd.grad(sum(whole.values()), parameters)
    batches = [dict(data_samples=[one]) for one in samples]
    total = [torch.zeros_like(one) for one in parameters]
    log = 0.0
    for picture, batch, weights in zip(
        pictures, batches, GlobalMean(model, 255, 4).weigh(batches), strict=True
    ):
        losses = weighted(model.loss(picture[None], **batch), weights)
        loss = sum(losses.values()) / 4
        log += loss
        for sums, grad in zip(total, torch.autograd.grad(loss, parameters), strict=True):
            sums += grad
    torch.testing.assert_close(log, sum(whole.values()))
    for ours, theirs in zip(total, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    model.balanced = True


def test_units_are_counted_as_padded(model):
    """A picture that is smaller than what batches are padded to has fewer pixels at each level."""
    padded = DeepLabV2(
        NAMES,
        SMALL,
        rates=(1,),
        data_preprocessor=dict(type='SegDataPreProcessor', size=(32, 32), seg_pad_val=255),
    )
    padded.decode_head, labels = model.decode_head, torch.ones(20, 32)
    units = padded.loss_units([sample(labels)])
    whole = F.pad(labels, (0, 0, 0, 12), value=255)
    size = padded.levels(torch.zeros(1, 3, 32, 32))[0].shape[-2:]
    assert units['loss_foreground_0'] == (nearest(whole, tuple(size)) == 1).sum()
    assert units['loss_background_0'] == 0


class Cells(nn.Module):
    """Means of 8 x 8 pixels of pictures that are padded to multiples of 32."""

    size_divisor, channels = 32, (3,)

    def forward(self, images):
        return SimpleNamespace(pyramid=[F.avg_pool2d(images, 8)])


def test_views_that_are_padded_stay_in_place(model):
    """A ramp is the same ramp at every scale, though the views cover other multiples of 32."""
    other = DeepLabV2(NAMES, SMALL, rates=(1,))
    other.backbone, other.decode_head = Cells(), nn.Identity()
    other.device_of = nn.Parameter(torch.zeros(1))
    ramp = (torch.arange(130.0) + torch.arange(97.0)[:, None]).expand(1, 3, 97, 130)
    first, *_, best = other.levels(ramp)
    torch.testing.assert_close(best[..., 1:11, 1:15], first[..., 1:11, 1:15], rtol=0, atol=2.5)
    labels = torch.ones(97, 130)
    units = other.loss_units([sample(labels)])
    # Cells of 8, 16 and 32 / 3 pixels that have their middle in the picture.
    found = [units[f'loss_foreground_{level}'] for level in range(4)]
    assert found == [12 * 16, 6 * 8, 9 * 12, 12 * 16]


@torch.no_grad()
def test_a_picture_is_predicted_at_its_size_and_follows_its_colours(model):
    """With the CRF, which reads the pixels that the inputs were made of."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (1, 3, 22, 26)).float()
    preprocessor = dict(type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3)
    other = DeepLabV2(NAMES, SMALL, rates=(1, 2), crf=True, data_preprocessor=preprocessor).eval()
    other.load_state_dict(model.state_dict())
    sizes = dict(ori_shape=(22, 26), img_shape=(22, 26))
    (found,) = other.predict((pixels - 120) / 60, [SegDataSample(metainfo=sizes)])
    (plain,) = model.eval().predict((pixels - 120) / 60, [SegDataSample(metainfo=sizes)])
    model.train()
    assert plain.pred_sem_seg.data.shape == (1, 22, 26)
    logits = found.seg_logits.data
    torch.testing.assert_close(logits, plain.seg_logits.data)
    assert torch.equal(plain.pred_sem_seg.data[0], logits.argmax(0))
    energies = energies_of_probabilities(logits.softmax(0))
    expected = dense_crf(pixels[0].permute(1, 2, 0).byte(), energies).argmax(0)
    assert torch.equal(found.pred_sem_seg.data[0], expected)
    assert not torch.equal(expected, logits.argmax(0))
    with pytest.raises(UserError, match='take Resize out'):
        other.predict(pixels, [SegDataSample(metainfo=dict(sizes, ori_shape=(44, 52)))])


def test_the_published_names_are_read(model, capsys):
    state = {}
    for name, value in model.state_dict().items():
        theirs = name.removeprefix('backbone.net.').replace('decode_head.', 'aspp.')
        if not theirs.startswith(('layer', 'aspp')):
            kind, _, rest = theirs.partition('1.')
            theirs = f'layer1.conv1.{kind}.{rest}'
        elif theirs.startswith('layer'):
            stage, block, part, *rest = theirs.split('.')
            kind = 'conv' if part.startswith('conv') or rest[0] == '0' else 'bn'
            named = (
                'shortcut'
                if part == 'downsample'
                else ('reduce', 'conv3x3', 'increase')[int(part[-1]) - 1]
            )
            theirs = f'layer{int(stage[-1]) + 1}.block{int(block) + 1}.{named}.{kind}.{rest[-1]}'
        if 'num_batches' not in theirs:
            state[f'base.{theirs}'] = value
    torch.manual_seed(2)
    other = DeepLabV2(NAMES, SMALL, rates=(1, 2))
    load_weights(other, state, 'published.pth')
    assert all(torch.equal(v, model.state_dict()[n]) for n, v in other.state_dict().items())
    assert 'published names' in capsys.readouterr().out
    with pytest.raises(UserError, match='1 missing: decode_head.c1.bias'):
        load_weights(other, {n: v for n, v in state.items() if n != 'base.aspp.c1.bias'}, 'cut.pth')


@pytest.mark.parametrize(
    ('every', 'expected'),
    [(1, [(1 - t / 6) ** 0.9 for t in range(7)] + [0.0]), (4, [1.0] * 4 + [(1 / 3) ** 0.9] * 4)],
)
def test_the_schedule_moves_every_so_many_steps(every, expected):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = SteppedPolyLR(optimizer, total=6, every=every)
    found = []
    for _ in range(8):
        found.append(optimizer.param_groups[0]['lr'] / 2)
        optimizer.step()
        schedule.step()
    assert found == pytest.approx(expected)


LEAVES = sorted(path.stem for path in (configs_folder() / 'pole').glob('retrain_deeplab*.py'))


@pytest.mark.parametrize('leaf', LEAVES)
def test_leaves_build_and_group_their_parameters(leaf):
    options = (
        {
            'model.backbone.init_cfg': None,
            'model.backbone.depth': 50,
            'model.decode_head.channels': 8,
        }
        if 'v3plus' in leaf
        else {}
    )
    if 'v2_pseudo' in leaf:
        options = {
            'model.backbone.pretrained': False,
            'model.backbone.blocks': [1, 1, 1, 1],
            'model.backbone.width': 4,
        }
    config = load_config(f'pole/{leaf}', options)
    assert config.model.data_preprocessor.mean
    network = build_model(config)
    if 'v3plus' in leaf:
        return
    built = build_optim_wrapper(network, config.optim_wrapper).optimizer
    rates = {round(one['lr'] / config.lr): one['weight_decay'] for one in built.param_groups}
    assert rates[20] == 0
    assert rates[10] == rates[1] == 5e-4


def test_wrong_settings_are_refused():
    assert len(LEAVES) == 3
    with pytest.raises(ValueError, match='begin with 1'):
        DeepLabV2(NAMES, SMALL, scales=(0.5, 1.0))
    with pytest.raises(ValueError, match='take resnet101'):
        AtrousResNet('resnet18', False)
    with pytest.raises(ValueError, match='total and every'):
        SteppedPolyLR(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0), total=3, every=0)
