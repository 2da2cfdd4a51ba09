"""Procedural scenes: the same bits everywhere, splits that never meet, a loadable dataset."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from icpc.datasets.scenes.captions import SUFFIXES, SYNONYMS, present_classes, write_caption
from icpc.datasets.scenes.composition import SPLITS, generate_scene
from icpc.datasets.scenes.scene_classes import CLASSES, CONDITIONS, HUES, PALETTE, SWATCHES, THINGS
from icpc.datasets.scenes.scene_files import is_written, write_scenes
from icpc.errors import UserError

DARK = dict(conditions=['dusk', 'day'])
COUNTS = dict(training=3, validation=1, test=2)


def test_pictures_are_the_same_bits_everywhere() -> None:
    """Made once with numpy 2.4 on x86-64; only exact operations are used, so all must agree."""
    digest = hashlib.sha256()
    for index in range(6):
        scene = generate_scene('training', index)
        digest.update(scene.image.tobytes() + scene.labels.tobytes())
    assert digest.hexdigest() == '91ff83bf69165a8e83be442aaef2f3d8493cdc1a781640eaec8e5fa66f9ccf08'


def test_splits_never_overlap() -> None:
    pictures = [
        generate_scene(split, index, size=48).image.tobytes()
        for split in SPLITS
        for index in range(25)
    ]
    assert len(set(pictures)) == len(SPLITS) * 25


def test_seeds_and_sizes_change_the_picture() -> None:
    first, second = generate_scene('test', 0), generate_scene('test', 0, seed=1)
    assert (first.image != second.image).mean() > 0.5
    large = generate_scene('test', 0, size=160)
    assert large.image.shape == (160, 160, 3)
    assert large.labels.shape == (160, 160)


def test_every_class_and_condition_occurs() -> None:
    scenes = [generate_scene('training', index) for index in range(60)]
    seen = np.bincount(np.concatenate([scene.labels.ravel() for scene in scenes]), minlength=19)
    assert seen[0] == 0
    assert (seen[1:] > 500).all()
    assert len(seen) == len(CLASSES) + 1
    assert {scene.condition for scene in scenes} == set(CONDITIONS)


def test_classes_share_their_colours() -> None:
    """No swatch belongs to one class alone, so that no class is told by its colour."""
    users = {swatch: sum(swatch in hues for hues in HUES.values()) for swatch in SWATCHES}
    assert min(users.values()) >= 4
    assert len(PALETTE) == len(CLASSES)
    assert set(SYNONYMS) == set(CLASSES)


def test_written_files_are_complete_and_not_written_twice(tmp_path: Path) -> None:
    assert not is_written(tmp_path, COUNTS, size=64)
    written = list(write_scenes(tmp_path, COUNTS, size=64))
    assert len(written) == 6
    assert is_written(tmp_path, COUNTS, size=64)
    meta = json.loads((tmp_path / 'meta.json').read_text())
    assert meta['conditions']['test'][1] == generate_scene('test', 1, 64).condition
    assert not list(tmp_path.rglob('*.tmp'))
    assert not is_written(tmp_path, COUNTS, size=64, seed=1)
    (tmp_path / 'images' / 'test' / '00001.png').unlink()
    assert not is_written(tmp_path, COUNTS, size=64)


def test_fewer_pictures_leave_no_old_ones(tmp_path: Path) -> None:
    list(write_scenes(tmp_path, COUNTS, size=48))
    fewer = dict(COUNTS, training=1)
    list(write_scenes(tmp_path, fewer, size=48))
    assert len(list((tmp_path / 'images' / 'training').iterdir())) == 1


def test_a_foreign_folder_is_not_touched(tmp_path: Path) -> None:
    picture = tmp_path / 'images' / 'training' / '00007.png'
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b'mine')
    with pytest.raises(FileExistsError, match='choose another --out'):
        list(write_scenes(tmp_path, COUNTS, size=48))
    assert picture.read_bytes() == b'mine'


def load(root: Path, split: str, **options: object) -> BaseSegDataset:
    init_default_scope('mmseg')
    return DATASETS.build(
        dict(
            type='ScenesDataset',
            data_root=str(root),
            data_prefix=dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}'),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
                dict(type='PackSegInputs', meta_keys=('img_path', 'condition')),
            ],
            **options,
        )
    )


def test_dataset_loads_through_mmseg(tmp_path: Path) -> None:
    list(write_scenes(tmp_path, COUNTS, size=64))
    dataset = load(tmp_path, 'test')
    scene = generate_scene('test', 1, size=64)
    item = dataset[1]
    assert len(dataset) == 2
    assert dataset.metainfo['classes'] == CLASSES
    assert np.array_equal(item['inputs'].numpy()[::-1].transpose(1, 2, 0), scene.image)  # BGR
    labels = item['data_samples'].gt_sem_seg.data[0].numpy()
    assert np.array_equal(labels, scene.labels.astype(np.int64) - 1)


@pytest.fixture(scope='module')
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('many')
    list(write_scenes(root, dict(training=30), size=48))
    return root


def test_only_pictures_of_the_conditions_are_loaded(many: Path) -> None:
    told = [generate_scene('training', index, size=48).condition for index in range(30)]
    expected = [index for index in range(30) if told[index] in ('day', 'dusk')]
    dataset = load(many, 'training', filter_cfg=DARK)
    assert [int(Path(item['data_samples'].img_path).stem) for item in dataset] == expected
    assert 3 < len(expected) < 27
    assert {sample.condition for sample in (d['data_samples'] for d in dataset)} == {'day', 'dusk'}
    # The first n of those that are left.
    few = load(many, 'training', filter_cfg=DARK, indices=3)
    assert [int(Path(few.get_data_info(i)['img_path']).stem) for i in range(3)] == expected[:3]
    assert len(few) == 3
    assert len(load(many, 'training')) == 30


def test_conditions_that_cannot_be_met_are_refused(many: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no condition 'snowy'; did you mean snow"):
        load(many, 'training', filter_cfg=dict(conditions=['snowy']))
    with pytest.raises(UserError, match=r"the conditions \['day'\], 25 are wanted"):
        load(many, 'training', filter_cfg=dict(conditions=['day']), indices=25)
    list(write_scenes(tmp_path, dict(test=1), size=48))
    (tmp_path / 'meta.json').unlink()
    with pytest.raises(UserError, match="no key 'condition'"):
        load(many, 'training', filter_cfg=dict(condition=['day']))
    with pytest.raises(UserError, match='tells no conditions of test'):
        load(tmp_path, 'test', filter_cfg=dict(conditions=['day']))
    assert len(load(tmp_path, 'test')) == 1


def test_captions_name_the_classes_and_often_the_condition() -> None:
    random = np.random.RandomState(0)
    captions = [write_caption(random, ['cow', 'sea'], 'night') for _ in range(400)]
    told = [any(c.rstrip('.').endswith(suffix) for suffix in SUFFIXES['night']) for c in captions]
    assert 0.5 < np.mean(told) < 0.7
    assert all(any(word in c for word in SYNONYMS['cow']) for c in captions)
    assert all(any(word in c for word in SYNONYMS['sea']) for c in captions)
    assert len(set(captions)) > 200


def test_only_classes_of_some_size_are_named() -> None:
    labels = np.full((10, 10), 1 + CLASSES.index('sky'), dtype=np.uint8)
    labels[0, :2] = 1 + CLASSES.index('boat')
    labels[5:, :8] = 1 + CLASSES.index('sea')
    assert present_classes(labels) == ['sky', 'sea']
    assert present_classes(labels, share=0.02) == ['sky', 'sea', 'boat']
    assert set(THINGS) < set(CLASSES)
