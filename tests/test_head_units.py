"""MMSegmentation's heads: the mean over passes is that of the global batch in one pass."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from icpc.errors import UserError
from icpc.training.global_mean import GlobalMean, weighted

CE = dict(type='CrossEntropyLoss', avg_non_ignore=True)
PIXELS = dict(type='CrossEntropyLoss')
WEIGHTED = dict(type='CrossEntropyLoss', class_weight=[0.02, 3.0, 1.0])
BINARY = dict(type='CrossEntropyLoss', use_sigmoid=True)
DICE = dict(type='DiceLoss', use_sigmoid=False)
LOVASZ = dict(type='LovaszLoss', per_image=True, reduction='mean')
TVERSKY = dict(type='TverskyLoss')
SIZES = [(16, 12), (9, 16), (16, 16), (3, 5)]  # smaller than the crop, as a data set has them
LABELLED = [150, 7, 256, 11]


@MODELS.register_module()
class _Taken(nn.Module):
    """A backbone that gives its input."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        return [images * self.scale]


def segmentor(loss, auxiliary=None, sampler=None, size=(16, 16), ignore_index=255, head='FCNHead'):
    torch.manual_seed(0)
    part = dict(
        type=head, in_channels=3, channels=3, num_convs=0, concat_input=False, in_index=0,
        num_classes=3, dropout_ratio=0, sampler=sampler, ignore_index=ignore_index,
    )  # fmt: skip
    preprocessor = dict(type='SegDataPreProcessor', seg_pad_val=ignore_index)
    preprocessor |= dict(size=size) if size else dict(size_divisor=8)
    return MODELS.build(
        dict(
            type='EncoderDecoder',
            data_preprocessor=preprocessor,
            backbone=dict(type='_Taken'),
            decode_head=dict(part, loss_decode=loss),
            auxiliary_head=auxiliary and [dict(part, loss_decode=one) for one in auxiliary],
        )
    )


def pictures(ignore_index=255):
    generator = torch.Generator().manual_seed(1)
    made = []
    for size, count in zip(SIZES, LABELLED, strict=True):
        image = torch.randn(3, *size, generator=generator)
        labels = torch.randint(0, 3, (size[0] * size[1],), generator=generator)
        labels[count:] = ignore_index
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels.reshape(1, *size)))
        made.append(dict(inputs=image, data_samples=sample))
    return made


def step(model, parts):
    """The mean loss and the gradients of one step."""
    batches = [
        dict(inputs=[x['inputs'] for x in p], data_samples=[x['data_samples'] for x in p])
        for p in parts
    ]
    mean = GlobalMean(model, passes=len(parts))
    model.zero_grad()
    total = 0
    for batch, weights in zip(batches, mean.weigh(batches), strict=True):
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
        loss, _ = model.parse_losses(weighted(losses, weights))
        (loss / len(parts)).backward()
        total += loss.detach() / len(parts)
    return total, [p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize(
    ('loss', 'auxiliary'),
    [
        (CE, None),
        (PIXELS, None),
        (WEIGHTED, None),
        (BINARY, None),
        (dict(BINARY, avg_non_ignore=True), None),
        (dict(PIXELS, reduction='none'), None),
        (DICE, None),
        (LOVASZ, None),
        (TVERSKY, None),
        ([dict(CE, loss_weight=0.5), DICE, dict(PIXELS, loss_name='loss_all')], None),
        (CE, [PIXELS, dict(DICE, loss_weight=0.4)]),
    ],
    ids=str,
)
@pytest.mark.filterwarnings('ignore')
def test_four_passes_of_one_are_one_pass_of_four(loss, auxiliary):
    model = segmentor(loss, auxiliary)
    whole, gradients = step(model, [pictures()])
    again, others = step(model, [[picture] for picture in pictures()])
    torch.testing.assert_close(again, whole)
    torch.testing.assert_close(others, gradients)


@pytest.mark.filterwarnings('ignore')
def test_each_head_counts_with_its_own_ignored_label():
    model = segmentor(CE, ignore_index=254)
    whole, _ = step(model, [pictures(254)])
    again, _ = step(model, [[picture] for picture in pictures(254)])
    torch.testing.assert_close(again, whole)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(loss=dict(CE, reduction='sum')), r"decode_head.loss_decode.reduction='sum'"),
        (dict(loss=CE, sampler=dict(type='OHEMPixelSampler')), 'model.decode_head.sampler picks'),
        (dict(loss=dict(LOVASZ, per_image=False, reduction='none')), 'LovaszLoss is no mean'),
        (dict(loss=dict(type='BoundaryLoss')), 'BoundaryLoss is no mean'),
        (dict(loss=[CE, PIXELS]), r"loss_decode.1.loss_name='loss_ce': losses of one name"),
        (dict(loss=CE, auxiliary=[CE, dict(CE, reduction='sum')]), 'auxiliary_head.1.loss_decode'),
        (dict(loss=PIXELS, size=None), 'data_preprocessor.size'),
        (dict(loss=CE, head='DAHead'), 'DAHead computes more'),
    ],
    ids=str,
)
@pytest.mark.filterwarnings('ignore')
def test_what_passes_cannot_make_up_is_refused_before_the_first_one(options, message):
    head = options.pop('head', None)
    model = segmentor(**options)
    if head:
        cfg = dict(in_channels=3, channels=3, num_classes=3, in_index=0, pam_channels=2)
        model.decode_head = MODELS.build(dict(cfg, type=head, loss_decode=CE))
    GlobalMean(model, passes=1)
    with pytest.raises(UserError, match=message):
        GlobalMean(model, passes=2)


def test_a_loss_of_ones_own_says_what_it_counts():
    model = segmentor(CE)
    model.decode_head.loss_decode.units = lambda labels, classes: torch.tensor(float(classes))
    weights = GlobalMean(model).weigh([dict(data_samples=[p['data_samples']]) for p in pictures()])
    assert [float(weight['decode.loss_ce']) for weight in weights] == [1, 1, 1, 1]
    assert float(weights[1]['']) == pytest.approx(7 * 4 / sum(LABELLED))
