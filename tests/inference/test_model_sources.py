"""What `icpc.load_model` takes, and what it says of all else; nothing in a source is run."""

import json
import shutil

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from safetensors.torch import load_file, save_file

import icpc
from icpc.checkpoints.content import load_checkpoint
from icpc.checkpoints.packaged_text import packaged_text
from icpc.errors import UserError
from icpc.experiments.publish import publish
from icpc.inference.model_config import prediction_config

pytestmark = pytest.mark.xdist_group('inference')  # one run for all


@pytest.fixture(scope='module')
def published(run, tmp_path_factory):
    return publish(run.folder, tmp_path_factory.mktemp('published') / 'model')


@pytest.fixture
def copy(run, tmp_path):
    """A work dir to spoil."""
    folder = tmp_path / 'copy'
    shutil.copytree(run.folder, folder)
    return folder


@pytest.mark.parametrize('loader', ['${val_dataloader}', {'dataset': '${other}'}])
def test_a_test_split_that_is_another_one_gives_its_steps(tmp_path, loader):
    steps = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    own = dict(type='PascalVOCDataset', pipeline=steps)
    tree = dict(model=dict(type='CLIPSegmentor'), test_pipeline=[dict(type='Resize', scale=(8, 8))])
    tree |= dict(other=own, val_dataloader=dict(dataset=own), test_dataloader=loader)
    (tmp_path / 'config.py').touch()
    cfg = prediction_config(tree, ['a'], str(tmp_path / 'config.py'))
    assert ([*cfg.test_pipeline], cfg.dataset.type) == (steps, 'PascalVOCDataset')


def test_what_is_predicted_has_its_own_names(tmp_path):
    backbone = dict(type='Stride16ResNet', model='resnet18', pretrained=False)
    pixels = dict(type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3)
    model = dict(type='BoundaryNetwork', backbone=backbone, data_preprocessor=pixels)
    (tmp_path / 'c.py').write_text(f'model = {model}')
    state = MODELS.build(model).state_dict()
    meta = dict(classes=['background', 'cat'], palette=[[0, 0, 0], [9, 9, 9]])
    torch.save(dict(state_dict=state, meta=meta), tmp_path / 'one.pth')
    predictor = icpc.load_model(tmp_path / 'one.pth', 'cpu', tmp_path / 'c.py')
    assert predictor.classes == ('no edge', 'edge')
    assert set(np.unique(predictor.predict(np.zeros((40, 40, 3), np.uint8)).labels)) <= {0, 1}


def check(predictor, run):
    found = predictor.predict(run.pictures)
    for prediction, labels in zip(found, run.labels['whole'], strict=True):
        np.testing.assert_array_equal(prediction.labels, labels)
    assert predictor.classes == ('red', 'green', 'blue')
    assert predictor.palette.tolist() == [[200, 30, 30], [30, 200, 30], [30, 30, 200]]
    assert not predictor.model.training


def test_all_forms_of_a_run_give_the_labels_of_test_py(run, published, copy, tmp_path):
    check(icpc.load_model(run.folder / 'iter_2.pth', 'cpu'), run)
    check(icpc.load_model(str(published), 'cpu'), run)
    check(icpc.load_model(published / 'model.safetensors', 'cpu'), run)
    alone = shutil.copy(run.folder / 'iter_2.pth', tmp_path / 'alone.pth')
    with pytest.raises(UserError, match=r'alone\.pth: neither .* give config='):
        icpc.load_model(alone)
    check(icpc.load_model(alone, 'cpu', config=run.config), run)
    (copy / 'resolved_config.json').unlink()
    check(icpc.load_model(copy, 'cpu'), run)  # by config.py, with its variables


def test_the_newest_whole_checkpoint_is_taken(copy, run, capsys):
    (copy / 'iter_4.pth').write_bytes((copy / 'iter_2.pth').read_bytes()[:-100])
    (copy / 'last_checkpoint').write_text('iter_4.pth')
    check(icpc.load_model(copy, 'cpu'), run)
    assert 'iter_4.pth' in capsys.readouterr().out


def test_the_classes_of_the_checkpoint_count(copy):
    path = copy / 'resolved_config.json'
    tree = json.loads(path.read_text())
    tree['class_names'] = tree['model']['class_names'] = ['one', 'two', 'three']
    path.write_text(json.dumps(tree))
    predictor = icpc.load_model(copy, 'cpu')
    assert predictor.classes == predictor.model.class_names == ('red', 'green', 'blue')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(type='subprocess.Popen'), r'model\.type'),
        (dict(type='NoSuchModel'), 'no NoSuchModel is registered'),
        (dict(neck=dict(type='os.system')), r'model\.neck\.type'),
        (dict(surprise=1), r'model\.surprise'),
        (None, 'has no model'),
    ],
)
def test_a_crafted_config_runs_nothing(copy, change, message):
    path = copy / 'resolved_config.json'
    tree = json.loads(path.read_text())
    tree['model'] = None if change is None else tree['model'] | change
    path.write_text(json.dumps(tree))
    with pytest.raises(UserError, match=message):
        icpc.load_model(copy)


def test_a_program_in_the_place_of_values_is_refused(published, tmp_path):
    folder = shutil.copytree(published, tmp_path / 'evil')
    (folder / 'config.py').write_text('import os\nmodel = dict(type=os.getcwd())\n')
    with pytest.raises(UserError, match='this is a program, which is not run'):
        icpc.load_model(folder)


def test_modules_of_the_users_own_are_not_imported(copy):
    path = copy / 'resolved_config.json'
    tree = json.loads(path.read_text())
    tree['custom_imports'] = dict(imports=['icpc', 'antigravity'])
    path.write_text(json.dumps(tree))
    with pytest.raises(UserError, match='`import antigravity` before it'):
        icpc.load_model(copy)


@pytest.mark.parametrize(
    ('source', 'message'),
    [
        ('scene', 'scene: no such model; .*did you mean scenes'),
        ('some/model', 'did you mean hf-hub:some/model'),
        ('hf-hub:a/b/c', r'expected hf-hub:org/name'),
        (7, r"a run's work dir, a checkpoint \(\.pth\), .* got int"),
    ],
)
def test_what_is_no_source_is_told_what_is(source, message):
    with pytest.raises(UserError, match=message):
        icpc.load_model(source)


def test_a_folder_or_file_without_a_model(run, tmp_path):
    with pytest.raises(UserError, match=r'neither model\.safetensors nor .*did you mean .*run'):
        icpc.load_model(run.folder.parent)
    with pytest.raises(UserError, match=r'config\.py is no model'):
        icpc.load_model(run.folder / 'config.py')
    with pytest.raises(UserError, match=f'did you mean {run.folder}'):
        icpc.load_model(f'{run.folder}s')
    with pytest.raises(UserError, match="device 'nothing' cannot be used"):
        icpc.load_model(run.folder, 'nothing')


def test_the_packaged_example(scenes):
    assert scenes.classes[:2] == ('sky', 'sea')
    assert len(scenes.palette) == 18
    tower = scenes.model.prompter.text_encoder
    assert tower.token_embedding.weight.std() > 0


def test_small_files_lose_rounding_alone(tmp_path):
    """What the package holds is what --small wrote: float16, without the packaged text tower."""
    tower = packaged_text('scenes_clip')
    changed = 'prompter.text_encoder.ln_final.bias'
    state = {**tower, 'head': torch.tensor([1 / 3, 2.0]), changed: tower[changed] + 1}
    folder = tmp_path / 'run'
    folder.mkdir()
    torch.save({'state_dict': state, 'meta': {'classes': ['a', 'b']}}, folder / 'iter_1.pth')
    (folder / 'last_checkpoint').write_text('iter_1.pth')
    (folder / 'config.py').write_text('seed = 3\n')
    (folder / 'resolved_config.json').write_text('{"model": {"clip": {"model": "scenes_clip"}}}')
    file = publish(folder, tmp_path / 'out', small=True) / 'model.safetensors'
    stored = load_file(file)
    assert stored.keys() == {'head', changed}
    assert {value.dtype for value in stored.values()} == {torch.float16}
    back = load_checkpoint(file)
    assert back['classes'] == ['a', 'b']
    assert back['state_dict'].keys() == state.keys()
    for key, value in back['state_dict'].items():
        exact = key in tower and key != changed
        torch.testing.assert_close(value.float(), state[key], rtol=0 if exact else 1e-3, atol=0)


def test_the_named_tower_is_one_of_the_package(tmp_path):
    file = tmp_path / 'x.safetensors'
    save_file({'a': torch.zeros(1)}, file, {'text': '../../etc'})
    assert load_checkpoint(file)['state_dict'].keys() == {'a'}
