"""The estimate is printed once, for plain and augmented batches."""

from types import SimpleNamespace

import pytest
import torch
from mmseg.structures import SegDataSample

from icpc.evaluation.memory_hook import MemoryEstimateHook


@pytest.mark.parametrize(('augmented', 'elsewhere'), [(False, 0), (True, 0), (False, 5)])
def test_said_once(capsys, augmented, elsewhere):
    asked = []
    model = SimpleNamespace(
        class_names=['a'] * 7,
        prediction_memory=lambda *sizes: asked.append(sizes) or (3 * 2**20, elsewhere * 2**20),
    )
    batch = {
        'inputs': [torch.zeros(3, 20, 30)],
        'data_samples': [SegDataSample(metainfo=dict(ori_shape=(40, 60)))],
    }
    if augmented:
        batch = {key: [value, value] for key, value in batch.items()}
    hook, runner = MemoryEstimateHook(), SimpleNamespace(model=model)
    for index in range(3):
        hook.before_val_iter(runner, index, batch)
    hook.before_test_iter(runner, 0, batch)
    assert asked == [((20, 30), (40, 60))]
    text = capsys.readouterr().out
    assert text.count('7 classes: about 3 MiB for a picture of 20 x 30 (40 x 60 on disk)') == 1
    assert ('and 5 MiB of windows in host memory' in text) == bool(elsewhere)


def test_other_models_are_left_alone(capsys):
    hook = MemoryEstimateHook()
    hook.before_val_iter(SimpleNamespace(model=torch.nn.Identity()), 0, {'inputs': []})
    assert capsys.readouterr().out == ''


def test_of_several_views_the_largest_counts(capsys):
    asked = []
    model = SimpleNamespace(
        class_names=['a'], prediction_memory=lambda *sizes: asked.append(sizes) or (0, 0)
    )
    sample = SegDataSample(metainfo=dict(ori_shape=(40, 60)))
    sizes = (20, 30), (50, 75), (50, 70)
    batch = {
        'inputs': [[torch.zeros(3, *size)] for size in sizes],
        'data_samples': [[sample]] * len(sizes),
    }
    MemoryEstimateHook().before_test_iter(SimpleNamespace(model=model), 0, batch)
    assert asked == [((50, 75), (40, 60))]
