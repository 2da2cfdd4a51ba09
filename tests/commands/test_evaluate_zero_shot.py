"""A model with nothing to train: evaluated without a checkpoint, never trained."""

from pathlib import Path

import pytest
from toy_run import CONFIGS, write_data

from icpc import load_config
from icpc.commands.evaluate import evaluate
from icpc.commands.rehearse import rehearse
from icpc.commands.train import train
from icpc.errors import UserError
from icpc.segmentors import ZeroShotSegmentor

SCENES = str(CONFIGS / 'zero_shot/value_tiny_scenes-128.py')
LEAVES = sorted((CONFIGS / 'zero_shot').glob('*.py'))


@pytest.fixture
def options(tmp_path: Path) -> dict:
    return {
        'custom_imports.imports': ['icpc', 'toy_parts'],
        'dataset_type': 'ToyDataset',
        'data_root': str(write_data(tmp_path / 'pairs', low=0)),
        'crop_size': 32,
        'num_workers': 0,
        'default_hooks.panel.count': 1,
        'model.synonyms': dict(red='red; crimson'),
    }


def test_metrics_with_and_without_views(options: dict, tmp_path: Path, capsys) -> None:
    found = []
    for name, tta in (('one', False), ('views', True)):
        here = tmp_path / name
        found.append(evaluate(SCENES, None, options, str(here), tta=tta, out=str(here / 'o')))
    assert [sorted(metrics) for metrics in found] == [['aAcc', 'mAcc', 'mIoU']] * 2
    assert all(0 < metrics['aAcc'] < 100 for metrics in found)
    assert (tmp_path / 'one' / 'panel.png').is_file()
    assert len(list((tmp_path / 'views' / 'o').glob('*.png'))) == 5
    assert 'value_tiny_scenes-128.py, test split' in capsys.readouterr().out


def test_what_does_not_fit_is_refused_and_leaves_nothing(
    options: dict, toy_config: Path, tmp_path: Path
) -> None:
    here = str(tmp_path / 'run')
    for begin in (train, rehearse):
        with pytest.raises(UserError, match='has nothing to train.*tools/test.py'):
            begin(SCENES, options, here)
    with pytest.raises(UserError, match='EncoderDecoder is trained, so name the checkpoint'):
        evaluate(str(toy_config), None, {}, here)
    (tmp_path / 'other.pth').write_bytes(b'')
    with pytest.raises(UserError, match='other.pth'):
        evaluate(SCENES, str(tmp_path / 'other.pth'), options, here)
    assert not Path(here).exists()


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_leaf(path: Path, tiny_vit_cfg: dict, tiny_resnet_cfg: dict) -> None:
    assert len(path.read_text().splitlines()) <= 30
    config = load_config(path)
    dense = path.stem.split('_')[0]
    assert config.crop_size == int(path.stem.rpartition('-')[2])
    assert config.model.backbone.dense == dense
    config.model.clip = dict(model=tiny_vit_cfg if 'vit' in path.stem else tiny_resnet_cfg)
    model = ZeroShotSegmentor(**{k: v for k, v in config.model.items() if k != 'type'})
    assert model.backbone.dense == dense
    assert len(model.vocabulary.words) == len(config.model.class_names)


def test_there_are_leaves() -> None:
    assert len(LEAVES) == 2
