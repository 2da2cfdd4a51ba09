"""From tags to a trained segmentor on a made-up VOC of mixed sizes, in one command."""

import json
import shutil

import numpy as np
import pytest
from editions import prepared
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from PIL import Image
from running_tools import run_tool

from icpc.cli.main import main
from icpc.config.load import load_config
from icpc.datasets.checks.verification import check_data
from icpc.datasets.scenes.scene_classes import CLASSES
from icpc.datasets.scenes.scene_files import write_scenes
from icpc.errors import UserError
from icpc.startup.packaged import configs_folder
from icpc.weakly.map_files import load_maps
from icpc.weakly.plans.plan_file import load_plan

PLAN = """
_batch = {'global_batch': 2, 'gpu_batch': 2}
_network = {
    'model.backbone.model': 'resnet18',
    'model.backbone.pretrained': False,
    'smallest': 40,
    'largest': 80,
    'lr': 0.001,
    'model.scales': [1.0, 0.5],
    **_batch,
}
_clip = {'model': 'scenes_clip', 'pretrained': 'auto'}
tags = dict(source='masks', path='SegmentationClassAug')
cam = dict(config='pole/cam_rn50_voc-512', options=_network)
clims = dict(config='pole/clims_rn50_voc-512', options={**_network, 'model.teacher': _clip})
boundary = dict(
    config='pole/irn_rn50_voc-512',
    options={
        'model.backbone.model': 'resnet18',
        'model.backbone.pretrained': False,
        'model.radius': 5,
        **_batch,
    },
)
masks = dict(refine='irn', options=dict(exponent=2))
retrain = dict(
    config='pole/retrain_rn50_pseudo-voc-512',
    options={
        'model.clip.model': 'scenes_clip',
        'model.clip.pretrained': 'auto',
        'model.clip.image_size': None,
        **_batch,
    },
)
"""
LAST = ('cam_mIoU', 'refined_mIoU', 'retrained_mIoU')


@pytest.mark.slow
def test_all_stages_on_voc_and_what_is_done_is_skipped(tmp_path, capsys):
    root = prepared('voc', tmp_path).root
    plan, out = tmp_path / 'plan.py', tmp_path / 'out'
    plan.write_text(PLAN)
    options = [f'data_root={root}', 'max_iters=2', 'crop_size=64', 'num_workers=0']
    command = ['weakly', str(plan), '--out', str(out), '--workers', '1', '--cfg-options', *options]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert tuple(line.partition(':')[0] for line in lines[-3:]) == LAST
    listed = (root / 'ImageSets/Segmentation/trainaug.txt').read_text().split()
    assert {path.stem for path in (out / 'masks/masks').iterdir()} == set(listed)
    tags = json.loads((out / 'tags.json').read_text())
    names = json.loads((out / 'cam/resolved_config.json').read_text())['class_names']
    for name in listed:
        shown, _ = load_maps(out / f'masks/maps/{name}.npz')
        assert {names[place + 1] for place in shown} <= set(tags[name])
    assert (out / 'stages.png').is_file()
    assert json.loads((out / 'masks/run.json').read_text())['state'] == 'finished'
    # A mask that was lost is made again, and nothing else.
    (out / 'masks/run.json').write_text(
        (out / 'masks/run.json').read_text().replace('"finished"', '"running"')
    )
    (out / f'masks/maps/{listed[0]}.npz').unlink()
    shutil.rmtree(out / 'masks/masks')
    assert main(command) == 0
    again = capsys.readouterr().out
    assert f'{len(listed) - 1} of {len(listed)} pictures are there already' in again
    assert 'cam: done' in again
    assert 'clims: done' in again
    assert 'retrain: done' in again
    assert again.splitlines()[-3:] == lines[-3:]
    assert main([*command, 'cam.lr=0.1']) == 2
    assert 'holds a finished run of other lr, ' in capsys.readouterr().err
    # Another plan takes from there what is the same, and makes the rest.
    command[3] = str(tmp_path / 'beside')
    assert main([*command, 'masks.options.exponent=1', 'boundary.lr=0.01', '--share']) == 0
    shared = capsys.readouterr().out
    for stage, taken in {'cam': 1, 'clims': 1, 'seeds': 1, 'boundary': 0, 'masks': 0}.items():
        assert (f'{out / stage}, which was made of the same' in shared) == taken


@pytest.mark.slow
@pytest.mark.parametrize('refine', ['crf', 'irn'])
def test_own_pictures_with_tags_alone(tmp_path, capsys, refine):
    """No training picture has a mask: the threshold is the plan's, and nothing else is measured.

    The other refinement has classes beyond 255, so that seeds and masks are 16 bit.
    """
    wide = [f'class {i}' for i in range(250 * (refine == 'irn'))]
    root, out = tmp_path / 'own', tmp_path / 'out'
    list(write_scenes(root, {'training': 4, 'validation': 2}, size=64))
    shutil.rmtree(root / 'annotations/training')
    (root / 'classes.txt').write_text(
        ''.join(f'{name}\n' for name in ('background', *wide, *CLASSES))
    )
    (root / 'tags.csv').write_text('00000,tree\n00001,tree,house\n00002,cow\n00003\n')
    options = dict(data_root=root, picture_suffix='.png', max_iters=2, crop_size=64, num_workers=0)
    options |= {'global_batch': 2, 'gpu_batch': 2, 'cam.smallest': 40, 'cam.largest': 80}
    options |= {'cam.model.backbone.model': 'resnet18', 'cam.model.backbone.pretrained': False}
    options |= {'retrain.model.clip.model': 'scenes_clip', 'retrain.model.clip.pretrained': 'auto'}
    if wide:
        options |= {'masks.refine': 'irn', 'masks.options.exponent': 2, 'boundary.model.radius': 5}
        options |= {'boundary.config': 'pole/irn_rn50_folder-512'}
        options |= {f'boundary.{key[4:]}': options[key] for key in options if '.backbone.' in key}
    words = [f'{key}={value}' for key, value in options.items()]
    command = ['weakly', 'pole/pipeline_rn50_folder-512', '--out', str(out), '--workers', '1']
    given = [*command, '--cfg-options', *words, 'retrain.model.clip.image_size=None']
    assert main(given) == 0
    printed = capsys.readouterr().out
    assert 'nothing is measured, the threshold is 0.3, as given' in printed
    assert 'no masks to measure with' in printed
    assert printed.splitlines()[-1].startswith('retrained_mIoU: ')
    assert len([*(out / 'masks/masks').iterdir()]) == 4
    if wide:
        tree = 251 + CLASSES.index('tree')
        for stage, known in (('seeds', {0, tree, 65535}), ('masks', {0, tree})):
            found = set(np.unique(np.asarray(Image.open(out / f'{stage}/masks/00000.png'))))
            assert tree in found <= known, stage
        assert json.loads((out / 'boundary/run.json').read_text())['metrics']['val']
        lines = (out / 'boundary/metrics.jsonl').read_text().splitlines()
        assert any(json.loads(line).get('loss', 0) > 0 for line in lines)


@pytest.mark.slow
def test_two_ranks_make_all_stages(tmp_path):
    """The first rank alone makes tags, seeds and masks; what is done is found done by both."""
    root = prepared('voc', tmp_path).root
    plan, out = tmp_path / 'plan.py', tmp_path / 'out'
    plan.write_text(PLAN)
    options = [f'data_root={root}', 'max_iters=2', 'crop_size=64', 'num_workers=0']
    words = [str(plan), '--out', str(out), '--workers', '1', '--cfg-options', *options]
    printed = run_tool('weakly.py', *words, log=tmp_path / 'log', ranks=2).splitlines()
    assert tuple(line.partition(':')[0] for line in printed[-3:]) == LAST
    listed = set((root / 'ImageSets/Segmentation/trainaug.txt').read_text().split())
    for stage in ('seeds', 'masks'):
        assert {path.stem for path in (out / stage / 'masks').iterdir()} == listed
    for stage in ('cam', 'clims', 'boundary', 'retrain'):
        record = json.loads((out / stage / 'run.json').read_text())
        assert (record['state'], record['batch']['ranks']) == ('finished', 2)
    again = run_tool('weakly.py', *words, log=tmp_path / 'again', ranks=2).splitlines()
    assert 'retrain: done, ' in '\n'.join(again)
    assert again[-3:] == printed[-3:]


def test_pictures_that_train_on_tags_alone_are_scored_with_their_masks(tmp_path):
    """No mask is there for training; with masks in it, the same split would be refused."""
    root = tmp_path / 'scenes'
    list(write_scenes(root, {'training': 2}, size=32))
    (root / 'tags.csv').write_text('00000,tree\n00001\n')
    cfg = load_config('pole/cam_tiny_scenes-128', {'data_root': str(root), 'tags': 'tags.csv'})
    check_data(cfg)
    cfg.train_dataloader.dataset.data_prefix.seg_map_path = 'annotations/training'
    with pytest.raises(UserError, match='in the training split too'):
        check_data(cfg)
    shutil.rmtree(root / 'annotations')
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = dict(cfg.train_dataloader.dataset, data_prefix=dict(img_path='images/training'))
        (sample, other) = DATASETS.build(dataset)
    assert sample['data_samples'].tags.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert not other['data_samples'].tags.any()


def test_the_packaged_plans_name_configs_that_load():
    plans = sorted((configs_folder() / 'pole').glob('pipeline_*.py'))
    assert len(plans) == 4
    for path in plans:
        plan = load_plan(path)
        own = {'all_classes': ['background', 'cat']} if 'folder' in path.stem else {}
        for stage in plan.trained:
            load_config(plan.config_of(stage), {**getattr(plan, stage).options, **own})
