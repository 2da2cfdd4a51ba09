"""What LabelCheckHook compares besides the masks themselves."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from icpc.commands.train import train
from icpc.errors import UserError
from icpc.training.label_check import LabelCheckHook


@pytest.mark.parametrize('number', [254, 300])
def test_one_id_does_not_count(toy_config, tmp_path, number):
    options = {'default_hooks.panel': None, 'model.decode_head.ignore_index': number}
    with pytest.raises(UserError, match=rf'decode_head\.ignore_index is {number}, but .* is 255'):
        train(str(toy_config), options, str(tmp_path / 'run'))
    assert not (tmp_path / 'run').exists()


def test_a_model_whose_own_loss_ignores_an_id_ignores_that_of_the_data():
    model = SimpleNamespace(ignore_index=255, decode_head=None, class_names=())
    data = SimpleNamespace(metainfo={'classes': ['a']}, ignore_index=65535)
    runner = SimpleNamespace(model=model)
    with pytest.raises(UserError, match=r'model\.ignore_index is 255, but .* is 65535'):
        LabelCheckHook()._check(runner, data, 'train_dataloader')


@pytest.mark.parametrize('split', ['val', 'test'])
@pytest.mark.parametrize(
    ('fault', 'message'),
    [
        ('evaluator.ignore_index=254', 'ignore_index of StreamingIoU is 254, but .* is 255'),
        ('pipeline without sizes', 'PackSegInputs leaves out img_shape and ori_shape'),
        ('strange id', r'\.png: label id 199 \(after loading\)'),
    ],
)
def test_evaluations_are_checked_before_the_training(toy_config, tmp_path, split, fault, message):
    options = {'default_hooks.panel': None}
    if fault == 'strange id':
        folder = {'val': 'validation', 'test': 'test'}[split]
        path = toy_config.parent / f'data/annotations/{folder}/001.png'
        Image.fromarray(np.full((32, 32), 200, np.uint8)).save(path)
    elif fault == 'pipeline without sizes':
        options[f'{split}_dataloader.dataset.pipeline.PackSegInputs.meta_keys'] = ['img_path']
    else:
        options[f'{split}_evaluator.ignore_index'] = 254
    with pytest.raises(UserError, match=message):
        train(str(toy_config), options, str(tmp_path / 'run'))
    assert not (tmp_path / 'run').exists()
