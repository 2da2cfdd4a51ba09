"""mmengine's own readers run nothing either."""

import crafted_files
import mmengine
import pytest
from mmengine.runner.checkpoint import CheckpointLoader

from icpc.commands.train import train
from icpc.config.load import load_config
from icpc.errors import UserError


@pytest.mark.parametrize('make', crafted_files.WEIGHTS, ids=lambda make: make.__name__)
def test_pretrained_weights_of_a_part(make, toy_config, tmp_path):
    path = make(tmp_path / 'x.pth', tmp_path / 'it ran')
    with pytest.raises(UserError, match=r'x\.pth: (refused|is damaged)'):
        CheckpointLoader.load_checkpoint(str(path))
    part = {'model.init_cfg': {'type': 'Pretrained', 'checkpoint': str(path)}}
    with pytest.raises(UserError, match=r'x\.pth'):
        train(str(toy_config), part, str(tmp_path / 'run'))
    assert not (tmp_path / 'it ran').exists()
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('name', ['x.yaml', 'x.yml'])
def test_a_yaml_that_makes_objects(name, tmp_path):
    trace = tmp_path / 'it ran'
    (tmp_path / name).write_text(f'seed: !!python/object/apply:os.mkdir ["{trace}"]\n')
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(f"_base_ = ['{name}']\n")
    for path in (tmp_path / name, leaf):
        with pytest.raises(UserError, match='python/object'):
            load_config(path)
    assert not trace.exists()


def test_a_pickle_as_a_list_of_pictures(tmp_path):
    path = crafted_files.bare_pickle(tmp_path / 'x.pkl', tmp_path / 'it ran')
    with pytest.raises(UserError, match='refused, a pickle could run code'):
        mmengine.load(str(path))
    assert not (tmp_path / 'it ran').exists()
