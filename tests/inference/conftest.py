"""One tiny run with text, and what tools/test.py writes for it."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tiny_clips import TINY_VIT
from toy_run import write_clip_config, write_config

import icpc
from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.inference.predictor import Predictor

SLIDE = {'model.test_cfg': dict(mode='slide', crop_size=(32, 32), stride=(16, 16))}


@pytest.fixture(scope='session')
def run(tmp_path_factory) -> SimpleNamespace:
    """`folder`, `pictures`, and `labels` of whole and of slide mode as test.py has them."""
    root = tmp_path_factory.mktemp('inference')
    config = write_clip_config(root, write_config(root, low=0), TINY_VIT)
    options = {'max_iters': 2, 'val_interval': 2, 'ema': 0.5}
    train(str(config), options, str(root / 'run'))
    pictures = sorted((root / 'data/images/test').iterdir())
    labels = {}
    for mode, change in (('whole', {}), ('slide', SLIDE)):
        out = root / mode
        checkpoint = str(root / 'run' / 'iter_2.pth')
        evaluate(str(config), checkpoint, change, str(root / 'test'), out=str(out))
        masks = [np.asarray(Image.open(out / path.name)) for path in pictures]
        labels[mode] = [mask.astype(int) - 1 for mask in masks]  # files count from 1
    return SimpleNamespace(folder=root / 'run', pictures=pictures, labels=labels, config=config)


@pytest.fixture(scope='session')
def scenes() -> Predictor:
    """The packaged example."""
    return icpc.load_model('scenes', device='cpu')
