"""Predictions of the whole model against MMSegmentation's own inference."""

from collections.abc import Callable

import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from icpc.alignment import cosine_score_map

TOWERS = pytest.mark.parametrize('tower', ['resnet', 'vit'])
STATIC = dict(type='StaticPrompter', _delete_=True)


def logits_of(model: torch.nn.Module, images: Tensor, **meta: object) -> tuple[Tensor, Tensor]:
    """(B, K, H, W) of the head and of the score map."""
    samples = [SegDataSample(metainfo=meta) for _ in images]
    samples = model.eval().predict(images, samples)
    head, score = (
        torch.stack([sample.get(name).data for sample in samples])
        for name in ('seg_logits', 'score_logits')
    )
    assert head.std(dim=(2, 3)).mean() > 0.5
    assert score.std(dim=(2, 3)).mean() > 0.01
    for sample, own, aligned in zip(samples, head, score, strict=True):
        assert torch.equal(sample.pred_sem_seg.data, own.argmax(dim=0, keepdim=True))
        assert torch.equal(sample.pred_score_map.data, aligned.argmax(dim=0, keepdim=True))
    return head, score


def slide(crop: tuple[int, int], stride: tuple[int, int]) -> ConfigDict:
    return ConfigDict(mode='slide', crop_size=crop, stride=stride, keep_logits=True)


@TOWERS
@pytest.mark.parametrize('size', [(64, 96), (90, 70), (65, 97)])
def test_whole_is_the_heads_map_upsampled(
    build: Callable, tower: str, size: tuple[int, int]
) -> None:
    """The ViT pads to its patch: what it says of the padding is cut off."""
    model, images = build(tower).eval(), torch.randn(2, 3, *size)
    step = 16 if tower == 'vit' else 1
    padded = F.pad(images, (0, -size[1] % step, 0, -size[0] % step))
    with torch.no_grad():
        features = model.backbone(padded)
        text = model.prompter(features)
        head_map = model.decode_head(model.neck(features, text)[0])
        score_map = cosine_score_map(features.dense, text)
    for found, own in zip(logits_of(model, images), (head_map, score_map), strict=True):
        expected = F.interpolate(own, size=padded.shape[2:], mode='bilinear', align_corners=False)
        expected = expected[:, :, : size[0], : size[1]]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert model.encode_decode(images).shape == (2, 5, *size)


@TOWERS
@pytest.mark.parametrize('crop', [(64, 96), (100, 200)])
def test_one_window_equals_the_whole(
    build: Callable, batch: tuple, tower: str, crop: tuple[int, int]
) -> None:
    model = build(tower)
    whole = logits_of(model, batch[0])
    model.test_cfg = slide(crop, (40, 40))
    for one, other in zip(logits_of(model, batch[0]), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@TOWERS
@pytest.mark.parametrize(
    ('crop', 'stride'), [((48, 48), (32, 32)), ((40, 50), (40, 23)), ((200, 64), (9, 33))]
)
def test_slide_equals_mmsegs_slide_inference(
    build: Callable, batch: tuple, tower: str, crop: tuple, stride: tuple
) -> None:
    model, (images, _) = build(tower), batch
    model.test_cfg = slide(crop, stride)
    head, score = logits_of(model, images)
    with torch.no_grad():
        expected = EncoderDecoder.slide_inference(model, images, [{} for _ in images])
    torch.testing.assert_close(head, expected, rtol=1e-4, atol=1e-4)
    assert score.shape == expected.shape
    assert score.abs().max() <= 1 + 1e-5


@TOWERS
@pytest.mark.parametrize(
    'meta',
    [
        dict(ori_shape=(64, 96)),
        dict(ori_shape=(31, 200)),
        dict(ori_shape=(50, 60), img_padding_size=[0, 6, 0, 3]),
        dict(ori_shape=(50, 60), padding_size=[5, 0, 7, 1]),
        dict(ori_shape=(50, 60), flip=True, flip_direction='horizontal'),
        dict(ori_shape=(80, 40), flip=True, flip_direction='vertical', padding_size=[1, 2, 3, 4]),
        dict(ori_shape=(50, 60), flip=False, flip_direction=None),
    ],
)
def test_the_way_back_to_disk_is_mmsegs(
    build: Callable, batch: tuple, tower: str, meta: dict
) -> None:
    model, (images, _) = build(tower).eval(), batch
    head, score = logits_of(model, images, **meta)
    assert head.shape == score.shape == (2, 5, *meta['ori_shape'])
    samples = [SegDataSample(metainfo=meta) for _ in images]
    with torch.no_grad():
        expected = model.postprocess_result(model.encode_decode(images), samples)
    expected = torch.stack([sample.seg_logits.data for sample in expected])
    torch.testing.assert_close(head, expected, rtol=1e-4, atol=1e-4)


def test_without_samples_predictions_have_the_inputs_size(build: Callable, batch: tuple) -> None:
    model = build(test_cfg=dict(keep_logits=False)).eval()
    first, second = model.predict(batch[0])
    for sample in (first, second):
        assert set(sample.keys()) == {'pred_sem_seg', 'pred_score_map'}
        assert sample.pred_sem_seg.data.shape == (1, 64, 96)
        assert sample.pred_sem_seg.data.dtype == torch.int64
    assert not torch.equal(first.pred_sem_seg.data, second.pred_sem_seg.data)


def test_without_prompter_there_is_no_score_map(build: Callable, batch: tuple) -> None:
    for sample in build(prompter=None).eval().predict(batch[0]):
        assert set(sample.keys()) == {'pred_sem_seg', 'seg_logits'}


@pytest.mark.parametrize(
    ('prompter', 'calls'),
    [(STATIC, 1), (dict(condition='constant'), 1), (dict(mode='add'), 6)],
    ids=['static', 'constant', 'add'],
)
def test_text_that_is_the_same_for_all_pictures_is_encoded_once(
    build: Callable, batch: tuple, prompter: dict, calls: int
) -> None:
    model = build(prompter=prompter).eval()
    model.test_cfg = slide((48, 48), (32, 32))  # 2 x 3 windows
    encoded = []
    model.prompter.text_encoder.register_forward_hook(lambda *_: encoded.append(1))
    model.predict(batch[0])
    assert len(encoded) == calls
    model.predict(batch[0])
    assert len(encoded) == 2 * calls  # nothing is kept between calls


def test_an_instance_prompt_sees_its_own_window(build: Callable, batch: tuple) -> None:
    model = build(prompter=dict(mode='add')).eval()
    for layer in (model.prompter.generator.layers[0], model.prompter.generator.layers[-1]):
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.constant_(layer.bias, 0.5)
    seen = []
    model.prompter.register_forward_hook(lambda *call: seen.append(call[2]))
    model.test_cfg = slide((64, 48), (64, 48))
    model.predict(batch[0])
    assert [text.shape for text in seen] == [(2, 5, 32)] * 2
    assert (seen[0] - seen[1]).abs().amax(dim=(1, 2)).min() > 1e-3


@TOWERS
def test_a_saved_model_predicts_the_same(build: Callable, batch: tuple, tower: str) -> None:
    model, other = build(tower), build(tower)
    torch.manual_seed(1)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.mul_(1 + 0.2 * torch.rand_like(value))  # another model
    before = logits_of(other, batch[0])
    expected = logits_of(model, batch[0])
    assert (before[0] - expected[0]).abs().max() > 0.1
    other.load_state_dict(model.state_dict(), strict=True)
    for one, two in zip(logits_of(other, batch[0]), expected, strict=True):
        assert torch.equal(one, two)


def test_extract_feat_is_the_decoders_input(build: Callable, batch: tuple) -> None:
    model = build().eval()
    with torch.no_grad():
        pyramid = model.extract_feat(batch[0])
        assert [tuple(x.shape) for x in pyramid] == [
            (2, 16, 64 // s, 96 // s) for s in model.backbone.strides
        ]
        own = F.interpolate(model.decode_head(pyramid), size=(64, 96), mode='bilinear')
        torch.testing.assert_close(own, model.encode_decode(batch[0]), rtol=0, atol=1e-4)


@pytest.mark.parametrize('budget', [None, 1e-4])
@pytest.mark.parametrize('size', [{}, dict(crop_size=(48, 48), stride=(32, 32), mode='slide')])
def test_score_maps_of_a_few_classes_are_those_of_all(
    build: Callable, batch: tuple, size: dict, budget: float | None
) -> None:
    """They add up from windows that may wait in a file; predictions stay as they are."""
    model, (images, _) = build().eval(), batch
    meta = dict(ori_shape=(50, 61), flip=True, flip_direction='horizontal')
    test_cfg = {'mode': 'whole', **size, 'memory_budget': budget}

    def predicted(keep_logits: bool, few: list[int]) -> list[SegDataSample]:
        model.test_cfg = ConfigDict(**test_cfg, keep_logits=keep_logits)
        return model.predict(images, [SegDataSample(metainfo=meta) for _ in images], few)

    for whole, plain, both, few in zip(
        predicted(True, []),
        predicted(False, []),
        predicted(True, [3, 1]),
        predicted(False, [3, 1]),
        strict=True,
    ):
        assert 'score_maps' not in whole
        assert set(few.keys()) == {'pred_sem_seg', 'pred_score_map', 'score_maps'}
        assert set(plain.keys()) == {'pred_sem_seg', 'pred_score_map'}
        assert torch.equal(few.score_maps.data, whole.score_logits.data[[3, 1]])
        assert torch.equal(both.score_maps.data, whole.score_logits.data[[3, 1]])
        for field in ('pred_sem_seg', 'pred_score_map'):
            assert torch.equal(few.get(field).data, plain.get(field).data)


def test_a_step_with_maps_is_a_step_with_maps_beside_it(build: Callable) -> None:
    preprocessor = dict(type='SegDataPreProcessor', mean=[9.0] * 3, std=[2.0] * 3)
    model = build(data_preprocessor=preprocessor, test_cfg=dict(keep_logits=False)).eval()
    data = {'inputs': [torch.randint(0, 99, (3, 40, 50))], 'data_samples': [SegDataSample()]}
    (plain,), (sample,) = model.test_step(dict(data)), model.test_step_with_maps(dict(data), [2])
    assert torch.equal(sample.pred_sem_seg.data, plain.pred_sem_seg.data)
    assert sample.score_maps.data.shape == (1, 40, 50)
    assert 0 < sample.score_maps.data.abs().max() <= 1
    (sample,) = build(prompter=None).eval().predict(torch.zeros(1, 3, 64, 64), None, [2])
    assert 'score_maps' not in sample


@TOWERS
@pytest.mark.parametrize('size', [(9, 70), (40, 5), (1, 1)])
def test_a_picture_smaller_than_the_largest_stride_is_padded_and_cut(
    build: Callable, tower: str, size: tuple[int, int]
) -> None:
    model, images = build(tower).eval(), torch.randn(2, 3, *size)

    def both(pictures: Tensor, **meta: object) -> list[Tensor]:
        samples = model.predict(pictures, [SegDataSample(metainfo=meta) for _ in pictures])
        names = ('seg_logits', 'score_logits')
        return [torch.stack([sample.get(name).data for sample in samples]) for name in names]

    padded = F.pad(images, (0, max(32 - size[1], 0), 0, max(32 - size[0], 0)))
    expected = [part[..., : size[0], : size[1]] for part in both(padded)]
    flipped = both(images, flip=True, flip_direction='vertical')
    for found, mirrored, own in zip(both(images), flipped, expected, strict=True):
        torch.testing.assert_close(found, own, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(mirrored, own.flip(2), rtol=1e-5, atol=1e-5)
    assert both(images, ori_shape=(64, 64))[0].shape[2:] == (64, 64)


def test_pictures_of_different_sizes_in_one_batch(build: Callable) -> None:
    model = build(test_cfg=dict(mode='whole', keep_logits=False)).eval()
    model.data_preprocessor = SegDataPreProcessor(mean=[120.0] * 3, std=[60.0] * 3)
    sizes = [(64, 96), (96, 64), (64, 96), (70, 50)]
    pictures = [torch.randint(0, 255, (3, *size), dtype=torch.uint8) for size in sizes]

    def samples(chosen: list[int]) -> dict:
        made = [SegDataSample(metainfo=dict(ori_shape=sizes[i], place=i)) for i in chosen]
        return dict(inputs=[pictures[i] for i in chosen], data_samples=made)

    for step in (model.test_step, model.val_step):
        together = step(samples([0, 1, 2, 3]))
        assert [sample.place for sample in together] == [0, 1, 2, 3]
        for place, sample in enumerate(together):
            (alone,) = step(samples([place]))
            assert sample.pred_sem_seg.data.shape[1:] == sizes[place]
            assert (sample.pred_sem_seg.data == alone.pred_sem_seg.data).float().mean() > 0.999
