"""Pictures of several sizes in one batch: an evaluation counts each alone, a training says so."""

import numpy as np
import pytest
from PIL import Image

from icpc.commands.train import train
from icpc.errors import UserError

SIZES = [(32, 32), (20, 48), (48, 20)]


@pytest.mark.parametrize('mode', ['whole', 'slide'])
def test_batches_of_mixed_sizes(toy_config, tmp_path, mode):
    rng = np.random.default_rng(1)
    for split in ('validation', 'test'):
        for index, size in enumerate(SIZES):
            name = toy_config.parent / f'data/images/{split}/{index:03d}.png'
            Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(name)
            mask = rng.integers(0, 4, size).astype(np.uint8)
            Image.fromarray(mask).save(str(name).replace('images', 'annotations'))
    options = {'default_hooks.panel': None, 'max_iters': 1, 'val_interval': 1}
    if mode == 'slide':
        options['model.test_cfg'] = dict(mode='slide', crop_size=(16, 16), stride=(12, 12))
    one, three = (
        train(str(toy_config), {**options, 'eval_batch': count}, str(tmp_path / f'{count}'))
        for count in (1, 3)
    )
    assert one == three


def test_pictures_larger_than_a_batch_of_a_training(toy_config, tmp_path):
    for folder, shape in (('images', (48, 40, 3)), ('annotations', (48, 40))):
        path = toy_config.parent / f'data/{folder}/training/003.png'
        Image.fromarray(np.ones(shape, np.uint8)).save(path)
    options = {'default_hooks.panel': None, 'train_pipeline.RandomCrop': None, 'max_iters': 4}
    with pytest.raises(UserError, match=r'003\.png: 48 x 40 after .* is padded to 32 x 32 .*Crop'):
        train(str(toy_config), {**options, 'val_interval': 4}, str(tmp_path / 'run'))
