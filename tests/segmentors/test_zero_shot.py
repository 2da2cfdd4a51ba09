"""Zero-shot prediction against its rule written out, on whole pictures and windows."""

import pytest
import torch
from mmseg.structures import SegDataSample
from random_weights import as_if_trained
from torch.nn import functional as F

from icpc.errors import UserError
from icpc.inference.zero_shot import clip_model_config
from icpc.segmentors import ZeroShotSegmentor
from icpc.segmentors.class_words import vocabulary_of

NAMES = ['background; wall; sky', 'traffic light', 'cat; kitten', 'sea']
OWNERS = [0, 0, 0, 1, 2, 2, 3]
SLIDE = dict(mode='slide', crop_size=(48, 48), stride=(32, 32))


@pytest.fixture(params=['vit', 'resnet'])
def model(request, tiny_vit_cfg, tiny_resnet_cfg):
    torch.manual_seed(0)
    clip = dict(vit=tiny_vit_cfg, resnet=tiny_resnet_cfg)[request.param]
    prompter = dict(template=['a photo of a {}.', 'the {}'])
    made = ZeroShotSegmentor(dict(model=clip), NAMES, prompter=prompter)
    as_if_trained(made.backbone)
    return made


def rule(model, images, size):
    """(7, H, W) probabilities of the words, by whole pictures that need no padding."""
    dense = F.normalize(model.backbone(images).dense[0], dim=0)
    text = F.normalize(model.encode_text()[0], dim=-1)
    cosines = torch.einsum('qd,dhw->qhw', text, dense)[None]
    for target in (images.shape[2:], size):
        cosines = F.interpolate(cosines, size=tuple(target), mode='bilinear', align_corners=False)
    return cosines[0], (model.scale * cosines[0]).softmax(dim=0)


@torch.no_grad()
@pytest.mark.parametrize('doubts', [False, True])
def test_the_best_word_decides_and_the_background_takes_what_is_doubtful(model, doubts):
    images, size = torch.randn(1, 3, 64, 96), (50, 71)
    cosines, words = rule(model, images, size)
    expected = torch.stack([words[[o == k for o in OWNERS]].amax(0) for k in range(4)])
    highest, labels = expected.max(dim=0)
    if doubts:
        values = highest.unique()
        middle = values[len(values) // 3 : 2 * len(values) // 3]
        gap = middle.diff().argmax()  # far from all probabilities
        model.threshold = middle[gap : gap + 2].mean().item()
        labels = labels.where(highest >= model.threshold, 0)
    for keep_logits in (False, True):
        model.test_cfg = dict(keep_logits=keep_logits)
        meta = SegDataSample(metainfo=dict(ori_shape=size))
        (sample,) = model.predict(images, [meta], keep_classes=[2, 0])
        assert (sample.pred_sem_seg.data[0] != labels).float().mean() < 1e-3  # of rounding
        maps = torch.stack([cosines[4:6].amax(0), cosines[:3].amax(0)])
        torch.testing.assert_close(sample.score_maps.data, maps, rtol=0, atol=1e-5)
        assert ('seg_logits' in sample) == keep_logits
    logits = sample.seg_logits.data
    assert (logits.argmax(0) != labels).float().mean() < 1e-3
    torch.testing.assert_close(logits[1:].exp(), expected[1:], rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_windows_share_their_cosines_and_need_no_logits(model, monkeypatch):
    model.test_cfg = dict(SLIDE)
    images = torch.randn(2, 3, 70, 90)
    kept = [result.logits for result in model.word_scores(images, [{}, {}], list(range(7)))]
    total, count = torch.zeros(2, 7, 70, 90), torch.zeros(70, 90)
    for top in (0, 22):
        for left in (0, 32, 42):
            rows, columns = slice(top, top + 48), slice(left, left + 48)
            maps = model.cosines(images[:, :, rows, columns], model.encode_text())
            side = -(-48 // model.backbone.size_divisor) * model.backbone.size_divisor
            maps = F.interpolate(maps, size=(side, side), mode='bilinear', align_corners=False)
            total[:, :, rows, columns] += maps[:, :, :48, :48]
            count[rows, columns] += 1
    torch.testing.assert_close(torch.stack(kept), total / count, rtol=0, atol=1e-5)
    probabilities = (model.scale * torch.stack(kept)).softmax(dim=1).amax(dim=1)
    model.threshold = probabilities.quantile(0.5).item()
    monkeypatch.setattr('icpc.upsampling.separable._GPU_TILE', 7 * 90 * 4)  # bands of four rows
    banded = [sample.pred_sem_seg.data for sample in model.predict(images)]
    model.test_cfg['keep_logits'] = True
    whole = [sample.pred_sem_seg.data for sample in model.predict(images)]
    assert sum((a != b).sum().item() for a, b in zip(banded, whole, strict=True)) <= 2  # rounding
    assert len(torch.stack(whole).unique()) > 1


def test_nothing_is_trained_and_other_classes_leave_the_model_as_it_is(model):
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.train().training
    with pytest.raises(UserError, match='nothing to train'):
        model.loss(torch.zeros(1, 3, 64, 64), [])
    images = torch.randn(1, 3, 64, 64)
    before = model.encode_decode(images)
    other = model.with_classes(['boat', 'a; b'], dict(boat='boat; ship; raft'))
    assert other.backbone is model.backbone
    assert other.vocabulary.owners == [0, 0, 0, 1, 1]
    assert other.encode_decode(images).shape == (1, 2, 64, 64)
    assert torch.equal(model.encode_decode(images), before)
    assert other.encode_text().shape == (1, 5, 32)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(threshold=1.0), 'model.threshold must be a probability'),
        (dict(scale=0), 'model.scale must be above 0'),
        (dict(backbone=dict(dense=None)), 'leaves no embedding'),
        (dict(train_cfg=dict(a=1)), 'nothing is trained'),
        (dict(pretrained='x.pth'), 'model.clip.pretrained'),
        (dict(prompter=dict(type='InstancePrompter')), 'take TemplatePrompter'),
        (dict(class_names=['cat', ' ; ']), 'has no word'),
        (dict(synonyms=dict(boat='ship')), "there is no class 'boat'"),
        (dict(test_cfg=dict(mode='slide')), 'needs model.test_cfg.crop_size'),
    ],
)
def test_what_is_refused(tiny_resnet_cfg, options, message):
    with pytest.raises((ValueError, UserError), match=message):
        ZeroShotSegmentor(dict(model=tiny_resnet_cfg), **(dict(class_names=NAMES) | options))


def test_a_word_of_two_classes_is_said(caplog):
    with caplog.at_level('INFO', 'icpc'):
        vocabulary_of(['cat; pet', 'dog; Pet'])
    assert "'Pet' is a word of 'cat; pet' and of 'dog; Pet'" in caplog.text


def test_the_config_of_a_clip_alone(tiny_vit_cfg):
    config = clip_model_config(tiny_vit_cfg, None, ['background', 'cat; kitten'], threshold=0.1)
    assert config.class_names == ['background', 'cat']
    assert len(config.palette) == 2
    assert config.test_pipeline[1].scale[1] == 96  # one and a half of the native 64
    model = ZeroShotSegmentor(**{k: v for k, v in config.to_dict()['model'].items() if k != 'type'})
    assert model.vocabulary.words == ['background', 'cat', 'kitten']
    assert model.backbone.dense == 'naclip'
    assert len(model.prompter.sentences) == 80
    assert (model.threshold, model.test_cfg['crop_size']) == (0.1, (64, 64))


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        (7, 'must be a list of names'),
        ('cat, cat', "'cat'"),
        (['cat'], 'nothing to tell apart'),
        (['cat', 'dog', 'cat; kitten'], "'cat' comes twice"),
        (['cat', '; dog'], "number 2 of 2, '; dog', begins without a name"),
    ],
)
def test_class_lists_that_nobody_means(classes, message):
    with pytest.raises(UserError, match=message):
        clip_model_config('ViT-B-16-quickgelu', 'openai', classes)
