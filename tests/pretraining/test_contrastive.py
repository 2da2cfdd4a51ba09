"""Pictures, batches and a few steps of the pre-training."""

import numpy as np
import pytest
import torch

from icpc.datasets.scenes.scene_classes import CLASSES
from icpc.pretraining.batches import TAG_CAPTIONS, batches, named_classes
from icpc.pretraining.contrastive import Recipe, train
from icpc.pretraining.crops import SMALLEST_PIXELS, Pictures, draw_pictures
from icpc.pretraining.model import MODEL_CFG, build_clip

SMALL = {
    **MODEL_CFG,
    'vision_cfg': {**MODEL_CFG['vision_cfg'], 'layers': [1, 1, 1, 1], 'width': 8},
}
RECIPE = Recipe(steps=4, batch=24, scene_batch=8, scene_share=0.5)


@pytest.fixture(scope='module')
def pictures() -> tuple[Pictures, Pictures]:
    return draw_pictures(96)


def test_crops_are_balanced_and_show_their_focus(pictures: tuple[Pictures, Pictures]) -> None:
    crops, scenes = pictures
    assert crops.images.shape == (96, 64, 64, 3)
    assert scenes.images.shape[1:] == (128, 128, 3)
    assert crops.tags[np.arange(96), crops.focus].all()
    assert scenes.tags[np.arange(len(scenes)), scenes.focus].all()
    drawn = np.bincount(crops.focus, minlength=len(CLASSES))
    assert drawn.min() >= 2
    assert drawn.max() <= 10
    assert SMALLEST_PIXELS / 64**2 > 0.03


def test_captions_are_true_of_their_own_picture(pictures: tuple[Pictures, Pictures]) -> None:
    crops = pictures[0]
    batch = next(batches(crops, 16, np.random.RandomState(3), 32))
    assert batch.images.shape == (16, 3, 64, 64)
    assert batch.tokens.shape == (16 + TAG_CAPTIONS * len(CLASSES), 32)
    assert batch.truth[:, :16].diagonal().all()
    order = np.random.RandomState(3).permutation(len(crops))[:16]
    single = batch.truth[:, 16 : 16 + len(CLASSES)].numpy()
    assert np.array_equal(single, crops.tags[order])


def test_captions_name_present_classes_only(pictures: tuple[Pictures, Pictures]) -> None:
    crops, random = pictures[0], np.random.RandomState(0)
    for row in range(len(crops)):
        named = named_classes(random, crops, row)
        assert crops.tags[row, named].all()
        assert crops.focus[row] in named
        assert 1 <= len(set(named)) == len(named) <= 3


def test_training_lowers_the_loss_and_repeats(pictures: tuple[Pictures, Pictures]) -> None:
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        clip = build_clip(SMALL)
        losses = list(train(clip, *pictures, RECIPE))
        runs.append((losses, clip.state_dict()))
    assert runs[0][0] == runs[1][0]
    assert all(torch.equal(value, runs[1][1][name]) for name, value in runs[0][1].items())
    assert runs[0][0][-1] < runs[0][0][0]


def test_too_few_pictures_say_so(pictures: tuple[Pictures, Pictures]) -> None:
    with pytest.raises(ValueError, match='draw more pictures'):
        next(train(build_clip(SMALL), *pictures, Recipe(batch=1000)))
