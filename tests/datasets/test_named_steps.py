"""A step of a pipeline that fails at one picture says at which, in a loader's process too."""

from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

from icpc.errors import UserError, message_of
from icpc.training.runner import SafeRunner


def save(root: Path, name: str, size: tuple[int, int]) -> None:
    for folder, depth in (('images', (3,)), ('masks', ())):
        (root / folder).mkdir(parents=True, exist_ok=True)
        pixels = np.full((*size, *depth), 3, np.uint8)
        Image.fromarray(pixels).save(root / folder / f'{name}.png')


def loader(root: Path, step: dict, workers: int, **sampler: object):
    return SafeRunner.build_dataloader(
        dict(
            batch_size=1,
            num_workers=workers,
            sampler=dict(type='DefaultSampler', shuffle=False) | sampler,
            dataset=dict(
                type='ADE20KDataset',
                data_root=str(root),
                data_prefix=dict(img_path='images', seg_map_path='masks'),
                img_suffix='.png',
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadAnnotations'),
                    step,
                    dict(type='PackSegInputs'),
                ],
            ),
        ),
        seed=0,
    )


NARROW = dict(type='RandomResize', scale=(8, 8), ratio_range=(1, 1), keep_ratio=True)


@pytest.mark.parametrize('workers', [0, 1])
def test_the_picture_and_the_step_are_named(tmp_path, workers):
    save(tmp_path, 'a', (8, 8))
    save(tmp_path, 'b', (100, 4))  # of which less than a pixel would be left
    batches_of = loader(tmp_path, NARROW, workers)
    batches = iter(batches_of)
    next(batches)
    with pytest.raises(UserError) as error:
        next(batches)
    batches_of.close()
    text = message_of(error.value)
    assert text.startswith(f'{tmp_path}/images/b.png: RandomResize of the pipeline fails')
    assert text.endswith('goes on with --resume')
    assert '\n' not in text


def test_within_the_order_of_a_training(tmp_path):
    save(tmp_path, 'b', (100, 4))
    batches = iter(loader(tmp_path, NARROW, 0, type='PositionSampler'))
    with pytest.raises(UserError, match=r'b\.png: RandomResize of the pipeline fails'):
        next(batches)


def test_what_own_code_raises_keeps_its_line(tmp_path):
    class Mine:
        def __call__(self, data: dict) -> dict:
            raise RuntimeError('mine')

    TRANSFORMS.register_module(module=Mine, name='Mine')
    save(tmp_path, 'a', (8, 8))
    try:
        with pytest.raises(RuntimeError, match='mine'):
            next(iter(loader(tmp_path, dict(type='Mine'), 0)))
    finally:
        TRANSFORMS.module_dict.pop('Mine')


@pytest.mark.parametrize('size', [(8, 8), (100, 4), (40, 8), (8, 40), (1, 1)])
def test_a_crop_larger_than_a_picture_takes_what_there_is(tmp_path, size):
    save(tmp_path, 'a', size)
    crop = dict(type='RandomCrop', crop_size=(32, 32), cat_max_ratio=0.75)
    (batch,) = loader(tmp_path, crop, 0)
    assert tuple(batch['inputs'][0].shape[1:]) == tuple(min(side, 32) for side in size)
