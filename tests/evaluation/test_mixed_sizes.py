"""Pictures of several sizes in one batch of an evaluation count as they do one by one."""

import numpy as np
import pytest
from PIL import Image

from icpc.commands.train import train

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
