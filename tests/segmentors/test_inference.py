"""Predictions without full-size maps equal those with them."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from icpc.memory.prediction import prediction_memory
from icpc.memory.windows import WaitingMaps
from icpc.segmentors import inference
from icpc.segmentors.inference import predict_maps, window_grid, windows

CLASSES, DIVISOR = 6, 8
torch.manual_seed(0)
WEIGHT = torch.randn(CLASSES, 3, 4, 4, dtype=torch.float64)


def forward(images: Tensor) -> list[Tensor]:
    """A network of stride 4 and one of stride 8; what each says depends on the window."""
    height, width = images.shape[2:]
    images = F.pad(images, (0, -width % DIVISOR, 0, -height % DIVISOR))
    fine = F.conv2d(images, WEIGHT, stride=4) + images.mean() * 5
    return [fine, F.avg_pool2d(fine, 2)]


def resize(x: Tensor, size) -> Tensor:
    return F.interpolate(x, size=tuple(size), mode='bilinear', align_corners=False)


def reference(images: Tensor, metas: list[dict], places) -> list[list[Tensor]]:
    """K full-size maps of every step, as MMSegmentation does it."""
    size = images.shape[2:]
    sums, count = None, torch.zeros(size)
    for rows in places[0]:
        for columns in places[1]:
            window = images[:, :, rows, columns]
            h, w = window.shape[2:]
            padded = h + -h % DIVISOR, w + -w % DIVISOR
            maps = [resize(m, padded)[:, :, :h, :w] for m in forward(window)]
            sums = sums or [torch.zeros(len(images), CLASSES, *size).double() for _ in maps]
            for total, part in zip(sums, maps, strict=True):
                total[:, :, rows, columns] += part
            count[rows, columns] += 1
    return [[restore(m / count, meta) for m, meta in zip(s, metas, strict=True)] for s in sums]


def restore(seg_map: Tensor, meta: dict) -> Tensor:
    left, right, top, bottom = meta.get('img_padding_size', (0, 0, 0, 0))
    seg_map = seg_map[:, top : seg_map.shape[1] - bottom, left : seg_map.shape[2] - right]
    if meta.get('flip'):
        seg_map = seg_map.flip(2 if meta['flip_direction'] == 'horizontal' else 1)
    return resize(seg_map[None], meta.get('ori_shape', seg_map.shape[1:]))[0]


METAS = [
    {},
    dict(ori_shape=(50, 61)),
    dict(ori_shape=(100, 30), flip=True, flip_direction='horizontal'),
    dict(ori_shape=(90, 90), flip=True, flip_direction='vertical'),
    dict(ori_shape=(33, 45), img_padding_size=(2, 5, 1, 9)),
    dict(img_padding_size=(0, 0, 0, 40)),
]


@pytest.mark.parametrize('meta', METAS)
@pytest.mark.parametrize(
    'test_cfg',
    [
        dict(mode='whole'),
        dict(mode='slide', crop_size=(32, 32), stride=(21, 21)),
        dict(mode='slide', crop_size=(24, 40), stride=(24, 13)),
        dict(mode='slide', crop_size=(200, 200), stride=(100, 100)),
    ],
)
def test_equals_full_size_maps(meta, test_cfg):
    images = torch.randn(2, 3, 75, 62, dtype=torch.float64)
    metas = [meta, dict(ori_shape=(40, 40))]
    places = window_grid(images.shape[2:], test_cfg)
    expected = reference(images, metas, places)
    for keep in (False, True):
        # predict_maps computes in float32, whatever the network gives.
        results = predict_maps(forward, images, metas, places, DIVISOR, keep_logits=keep)
        for maps, found in zip(expected, results, strict=True):
            for logits, result in zip(maps, found, strict=True):
                top = logits.topk(2, dim=0).values
                clear = top[0] - top[1] > 1e-4
                assert clear.double().mean() > 0.99
                assert torch.equal(result.best[clear], logits.argmax(0)[clear])
                assert (result.logits is not None) == keep
                if keep:
                    assert (result.logits - logits).abs().max() < 1e-4


def test_windows_cover_the_axis():
    assert windows(100, 40, 30) == [slice(0, 40), slice(30, 70), slice(60, 100)]
    assert windows(90, 40, 30) == [slice(0, 40), slice(30, 70), slice(50, 90)]
    assert windows(30, 40, 30) == [slice(0, 30)]


@pytest.mark.parametrize(('crop', 'stride'), [(4, 5), (4, 0)])
def test_strides_that_leave_pixels_out_raise(crop, stride):
    with pytest.raises(ValueError, match='test_cfg.stride'):
        windows(100, crop, stride)


def test_unknown_mode_raises():
    with pytest.raises(ValueError, match="'whole' or 'slide'"):
        window_grid((8, 8), dict(mode='slid'))


def test_finished_windows_are_forgotten(monkeypatch):
    """At most two rows of windows are held, and no more memory than was said before."""
    held, numbers = [], []
    plain = inference.argmax_rows

    def counting(parts, rows):
        held.append(len(parts))
        numbers.append(sum(part.values.numel() for part in parts))
        return plain(parts, rows)

    monkeypatch.setattr(inference, 'argmax_rows', counting)
    images = torch.randn(1, 3, 196, 16)
    cfg = dict(mode='slide', crop_size=(16, 16), stride=(10, 10))

    def network(x: Tensor) -> list[Tensor]:
        return [m.float() for m in forward(x.double())[:1]]

    predict_maps(network, images, [{}], window_grid((196, 16), cfg), DIVISOR)
    assert len(held) > 10
    assert max(held) <= 2
    expected = prediction_memory(window_grid((196, 16), cfg), (196, 16), CLASSES, 4, cfg)
    assert expected == (4 * max(numbers) + 2 * 8 * 196 * 16, 0)


@pytest.mark.parametrize(('windows_held', 'moves'), [(0.5, True), (4, True), (12, False)])
def test_windows_beyond_the_budget_wait_in_a_file(windows_held, moves, monkeypatch):
    images = torch.randn(2, 3, 90, 120, dtype=torch.float64)
    cfg = dict(mode='slide', crop_size=(32, 32), stride=(20, 20))  # 4 rows of 6 windows
    places, metas = window_grid(images.shape[2:], cfg), [{}, dict(ori_shape=(50, 61))]
    window = 2 * CLASSES * (8 * 8 + 4 * 4) * 4  # both maps of both pictures, float32
    in_memory, in_file = [], []

    class Spy(WaitingMaps):
        def keep(self, values: Tensor, row: int) -> Tensor:
            kept = super().keep(values, row)
            (in_memory if kept is values else in_file).append(kept)
            return kept

        def forget(self, row: int) -> None:
            assert self._held.total() <= windows_held * window
            super().forget(row)

    plain = predict_maps(forward, images, metas, places, DIVISOR, memory_budget=None)
    monkeypatch.setattr(inference, 'WaitingMaps', Spy)
    budget = windows_held * window / 2**20
    found = predict_maps(forward, images, metas, places, DIVISOR, memory_budget=budget)
    for maps, expected in zip(found, plain, strict=True):
        for one, other in zip(maps, expected, strict=True):
            assert torch.equal(one.best, other.best)
    assert bool(in_file) == moves
    assert in_memory  # a map of half a window fits into the smallest


def test_the_estimate_splits_windows_at_the_budget():
    cfg = dict(mode='slide', crop_size=(16, 16), stride=(10, 10))
    sizes = window_grid((196, 16), cfg), (196, 16), 5000, 4
    whole = prediction_memory(*sizes, {**cfg, 'memory_budget': None})
    held, elsewhere = prediction_memory(*sizes, {**cfg, 'memory_budget': 0.5})
    assert held == 2**19 + 2 * 8 * 196 * 16
    assert elsewhere == whole.held - held > 0 == whole.elsewhere


@pytest.mark.parametrize('budget', [0, -1.0, '4 GiB', True])
def test_an_empty_budget_is_refused(budget):
    with pytest.raises(ValueError, match=r'model\.test_cfg\.memory_budget is in MiB'):
        predict_maps(forward, torch.zeros(1, 3, 8, 8), [{}], ([], []), DIVISOR, False, budget)
