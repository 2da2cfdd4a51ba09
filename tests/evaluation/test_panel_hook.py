"""The panel shows what was tested: averaged weights, averaged views, any pictures."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmcv.transforms import LoadAnnotations
from PIL import Image
from toy_parts import CLASSES
from toy_run import write_clip_config

from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.errors import UserError
from icpc.evaluation import panel_hook
from icpc.evaluation.panel_hook import PanelHook

OPTIONS = {'max_iters': 2, 'val_interval': 2, 'lr': 0.02, 'eval_batch': 1}


@pytest.fixture(autouse=True)
def _rng():
    with torch.random.fork_rng():
        yield


@pytest.fixture
def drawn(monkeypatch):
    """The rows of all panels that are drawn."""
    rows, plain = [], panel_hook.save_panel

    def save(path, new, *args):
        rows.append(new)
        plain(path, new, *args)

    monkeypatch.setattr(panel_hook, 'save_panel', save)
    return rows


@pytest.fixture
def clip_config(toy_config, tiny_vit_cfg, tmp_path):
    """A model with text; pictures of several sizes, a grey one, an ignored one, one long strip."""
    folder = tmp_path / 'data'
    rng = np.random.default_rng(1)
    for number, (height, width) in enumerate([(70, 20), (33, 47), (16, 700), (40, 40)]):
        ids = rng.integers(0, 4, (height, width)) * (number != 3)
        picture = rng.integers(0, 255, (height, width, 3)[: 2 + (number != 1)])
        for split, array in (('images', picture), ('annotations', ids)):
            Image.fromarray(array.astype(np.uint8)).save(folder / split / f'test/{number:03d}.png')
    return write_clip_config(tmp_path, toy_config, tiny_vit_cfg)


def masks(folder):
    return [np.asarray(Image.open(path)).astype(int) - 1 for path in sorted(folder.iterdir())]


def test_it_shows_the_tested_predictions_of_an_average_and_of_augmentation(
    clip_config, tmp_path, drawn, capsys
):
    options = {**OPTIONS, 'ema': 0.9, 'model.test_cfg.mode': 'whole'}
    train(str(clip_config), options, str(tmp_path / 'run'))
    arguments = str(clip_config), str(tmp_path / 'run/iter_2.pth'), options
    plain, averaged = tmp_path / 'plain', tmp_path / 'averaged'
    evaluate(*arguments, str(tmp_path / 'test'), out=str(plain))
    options['held_out_classes'] = ['green']
    capsys.readouterr()
    metrics = evaluate(*arguments, str(tmp_path / 'tta'), tta=True, out=str(averaged))
    printed = capsys.readouterr().out.splitlines()
    assert {'score_mIoU', 'score_held_out_mIoU'} <= set(metrics)
    assert any('with score maps, averaged over 6 views: ' in line for line in printed)
    assert printed[-2].startswith('score map mIoU: ')
    trained, tested, augmented = drawn
    for rows, folder in ((trained, plain), (tested, plain), (augmented, averaged)):
        assert len(rows) == 5
        for row, mask in zip(rows, masks(folder), strict=True):
            step = 2 if mask.shape == (16, 700) else 1
            assert np.array_equal(row.prediction, mask[::step, ::step])
            assert row.image.shape[:2] == row.truth.shape == row.prediction.shape
            assert all(one.shape == row.truth.shape for one in row.score_maps.values())
    for rows in drawn:
        assert [len(row.score_maps) for row in rows[:4]] == [3, 3, 3, 0]  # the last: all ignored
    different = [(a != b).any() for a, b in zip(masks(plain), masks(averaged), strict=True)]
    assert any(different)


def fake_runner(labels, predict, classes=CLASSES, **metainfo):
    """A runner whose test set has these masks in memory."""

    class Masks(LoadAnnotations):
        def __init__(self):
            pass

        def transform(self, results):
            return {'gt_seg_map': labels[results['index']]}

    class Data:
        pipeline = SimpleNamespace(transforms=[Masks()])

        def __init__(self):
            self.metainfo = {'classes': classes, **metainfo}
            self.read = []

        def __len__(self):
            return len(labels)

        def get_data_info(self, index):
            return {'index': index}

        def __getitem__(self, index):
            self.read.append(index)
            return predict(index)

    return Data()


def test_pictures_with_the_most_classes_are_chosen_without_decoding_any():
    rich = {7: [0, 1, 2], 30: [0, 1], 55: [1, 2]}
    labels = [np.array(rich.get(i, [2, 2, 65535])).repeat(40)[None] for i in range(60)]
    data = fake_runner(labels, None)
    assert PanelHook(count=3)._choose(data) == sorted([*rich][:1] + [30, 55])[:3]
    assert data.read == []
    data.pipeline.transforms.clear()
    assert PanelHook(count=3)._choose(data) == [0, 30, 59]
    assert PanelHook(count=9)._choose(fake_runner(labels[:2], None)) == [0, 1]


def test_small_classes_are_shown_where_there_are_no_large_ones():
    hook, names = PanelHook(), [f'class {i}' for i in range(200)]
    crumbs = np.arange(10_000).reshape(100, 100) // 60  # none covers 2 %
    assert hook._shown(crumbs, names) == [0, 83, 166]
    assert hook._shown(np.full((4, 4), 65535), names) == []
    assert hook._shown(np.full((4, 4), -1), names) == []
    assert hook._shown(None, names) == []
    assert hook._shown(np.zeros((4, 4), int), names[:1]) == [0]
    absent = PanelHook(classes=['class 9', ' class 3'])
    assert absent._shown(crumbs, names) == absent._shown(None, names) == [9, 3]


@pytest.mark.parametrize('options', [dict(count=0), dict(maps=-1)])
def test_numbers_that_mean_nothing_are_refused(options):
    with pytest.raises(UserError, match='count must be at least 1 and maps at least 0'):
        PanelHook(**options)


def test_an_unknown_class_is_refused_before_the_first_step(toy_config, tmp_path):
    options = {**OPTIONS, 'default_hooks.panel.classes': ['grene']}
    with pytest.raises(UserError, match='no class .grene.; did you mean green'):
        train(str(toy_config), options, str(tmp_path / 'run'))
    assert not (tmp_path / 'run/run.json').exists()
