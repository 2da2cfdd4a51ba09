from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets import ADE20KDataset, BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image

from icpc.datasets.checks.pair_faults import verify_labels
from icpc.datasets.checks.verification import verify_layout
from icpc.errors import UserError

PREFIX = dict(img_path='images/training', seg_map_path='annotations/training')


def write(root: Path, count: int = 3, ids: tuple[int, ...] = (0, 1, 150)) -> Path:
    for folder, suffix in (('images', 'jpg'), ('annotations', 'png')):
        (root / folder / 'training').mkdir(parents=True)
        for index in range(count):
            array = np.resize(np.array(ids), (8, 8)).astype(np.uint8)
            Image.fromarray(array).save(root / folder / 'training' / f'{index}.{suffix}')
    return root


def config(root: Path, **options: object) -> dict:
    return dict(type='ADE20KDataset', data_root=str(root), data_prefix=PREFIX, **options)


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(UserError) as error:
        verify_layout(config(root, **options))
    return str(error.value)


def test_a_complete_folder_passes(tmp_path):
    verify_layout(config(write(tmp_path / 'ade')))


def test_a_missing_folder_says_what_was_found_and_how_to_prepare_it(tmp_path):
    (tmp_path / 'other').mkdir()
    text = refusal(tmp_path / 'ade')
    assert 'ade/images/training: no such folder (expected files *.jpg)' in text
    assert 'holds: other' in text
    assert 'ADEChallengeData2016.zip' in text
    scenes = config(tmp_path / 'scenes') | dict(type='ScenesDataset')
    with pytest.raises(UserError, match=r'prepare_data\.py scenes --out .*/scenes'):
        verify_layout(scenes)


def test_an_empty_folder(tmp_path):
    root = write(tmp_path / 'ade', count=0)
    assert 'no file *.jpg in it. It holds: nothing' in refusal(root)


def test_swapped_folders(tmp_path):
    root = write(tmp_path / 'ade')
    (root / 'images').rename(root / 'x')
    (root / 'annotations').rename(root / 'images')
    (root / 'x').rename(root / 'annotations')
    assert 'no file *.jpg in it. It holds: 0.png, 1.png' in refusal(root)


def test_masks_of_other_pictures(tmp_path):
    root = write(tmp_path / 'ade')
    for path in list((root / 'annotations/training').iterdir()):
        path.rename(path.with_name(f'mask_{path.name}'))
    assert 'images are called 0, 1, 2, masks mask_0' in refusal(root)


def test_some_pictures_without_masks(tmp_path):
    root = write(tmp_path / 'ade')
    (root / 'annotations/training/1.png').unlink()
    assert '1 of 3 images' in refusal(root)
    assert 'among them 1.' in refusal(root)


@pytest.mark.parametrize('place', ['images/ADE/training/a', 'ADE20K_2021_17_01/images', 'training'])
def test_the_full_ade20k_is_recognised(tmp_path, place):
    root = tmp_path / 'ade'
    (root / place).mkdir(parents=True)
    Image.new('RGB', (4, 4)).save(root / place / 'ADE_train_00000001_seg.png')
    assert 'is the full ADE20K' in refusal(root)


def test_the_real_150_class_folder_is_not_taken_for_the_full_one(tmp_path):
    root = write(tmp_path / 'ADE20K' / 'ADEChallengeData2016')
    verify_layout(config(root))


def dataset(root: Path, **options: object) -> ADE20KDataset:
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    return ADE20KDataset(data_root=str(root), data_prefix=PREFIX, pipeline=pipeline, **options)


def test_right_ids_pass(tmp_path):
    verify_labels(dataset(write(tmp_path)))


@pytest.mark.parametrize(
    ('ids', 'reduce', 'message'),
    [
        ((0, 1, 150), False, 'label id 150 .*150 classes.*set reduce_zero_label=True'),
        ((0, 1, 200), True, 'label id 199 .*another edition'),
        ((0, 1, 200), False, 'label id 200 .*not converted to class ids'),
        ((0, 0, 0), True, 'every pixel of the 3 masks looked at is ignored'),
    ],
)
def test_wrong_ids_name_file_id_and_cause(tmp_path, ids, reduce, message):
    data = dataset(write(tmp_path, ids=ids), reduce_zero_label=reduce)
    with pytest.raises(UserError, match=message):
        verify_labels(data)


def test_rgb_masks_are_refused(tmp_path):
    root = write(tmp_path)
    Image.new('RGB', (8, 8)).save(root / 'annotations/training/2.png')
    with pytest.raises(UserError, match=r'2\.png: a mask of shape \(8, 8, 3\)'):
        verify_labels(dataset(root))


@pytest.mark.parametrize('wrong', [9, 14, 299])
def test_all_of_a_large_dataset_is_looked_at(tmp_path, wrong):
    root = write(tmp_path, count=510)
    path = root / f'annotations/training/{wrong}.png'
    Image.fromarray(np.full((8, 8), 170, np.uint8)).save(path)
    with pytest.raises(UserError, match=rf'/{wrong}\.png: label id 169'):
        verify_labels(dataset(root))


def test_chosen_classes_are_checked_after_remapping(tmp_path):
    names = list(ADE20KDataset.METAINFO['classes'][:1])
    verify_labels(dataset(write(tmp_path), metainfo=dict(classes=names)))


def test_suffixes_that_a_class_hands_to_mmsegmentation(tmp_path):
    class HandedOn(BaseSegDataset):
        METAINFO = dict(classes=('a', 'b'), palette=[[1, 0, 0], [0, 1, 0]])

        def __init__(self, **kwargs):
            super().__init__(img_suffix='.png', seg_map_suffix='_mask.png', **kwargs)

    DATASETS.register_module(module=HandedOn)
    try:
        for folder, name in (('images', '1.png'), ('masks', '1_mask.png')):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / name).write_bytes(b'x')
        prefix = dict(img_path='images', seg_map_path='masks')
        verify_layout(dict(type='HandedOn', data_root=str(tmp_path), data_prefix=prefix))
    finally:
        DATASETS.module_dict.pop('HandedOn')
