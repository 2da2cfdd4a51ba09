"""Each edition's made-up download, prepared: files, ids, lists; zipped, repeated, interrupted."""

import importlib.util
import io
import json
from pathlib import Path

import downloads
import numpy as np
import pytest
from PIL import Image

from icpc.cli.prepare_data import DATASETS
from icpc.datasets import manifest
from icpc.datasets.converters import ade20k_full, writing
from icpc.datasets.converters import prepare as commands

TOOL = Path(__file__).parents[3] / 'tools' / 'prepare_data.py'
SPEC = importlib.util.spec_from_file_location('prepare_data', TOOL)
prepare_data = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(prepare_data)

MAKE = {
    'ade20k': downloads.ade20k,
    'coco-stuff10k': downloads.coco_stuff10k,
    'coco-stuff164k': downloads.coco_stuff164k,
    'voc': downloads.voc,
    'pascal-context59': downloads.pascal_context59,
    'cityscapes': downloads.cityscapes,
    'camvid': downloads.camvid,
    'folder': downloads.folder,
    'ade20k-full': downloads.ade20k_full,
}


def options(name: str, tmp_path: Path) -> list[str]:
    if name == 'ade20k-full':
        return ['--expect-classes', '4']
    if name == 'folder':
        (tmp_path / 'names.txt').write_text('cat\ndog\nbird\n')
        names = str(tmp_path / 'names.txt')
        return ['--names', names, '--images', 'pictures', '--masks', 'labels'] + [
            '--validation-every',
            '2',
        ]
    return []


def prepare(name: str, source: Path, out: Path, *more: str) -> int:
    arguments = [name, '--source', str(source), '--out', str(out), '--workers', '1', *more]
    return prepare_data.main(arguments)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


def mask(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


@pytest.mark.parametrize('name', MAKE)
def test_folder_zip_repetition_and_interruption_give_the_same(name, tmp_path, monkeypatch):
    files, more = MAKE[name](), options(name, tmp_path)
    folder = downloads.write(tmp_path / 'folder', files)
    (tmp_path / 'archives').mkdir()
    zipped = downloads.zipped(tmp_path / 'archives' / 'download.zip', files)
    assert prepare(name, folder, tmp_path / 'a', *more) == 0
    first = tree(tmp_path / 'a')
    assert json.loads(first['prepared.json'])['complete']
    assert prepare(name, zipped, tmp_path / 'b', *more) == 0
    assert prepare(name, zipped.parent, tmp_path / 'c', *more) == 0
    assert tree(tmp_path / 'b') == tree(tmp_path / 'c') == first
    assert prepare(name, folder, tmp_path / 'a', *more) == 0
    assert tree(tmp_path / 'a') == first

    # Killed between two files, with half a file under its temporary name.
    written, plain = [], writing.write_file

    def dies(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) == 4:
            path.with_name(f'.{path.name}.1.tmp').write_bytes(content[:5])
            raise KeyboardInterrupt
        plain(path, content)

    monkeypatch.setattr(writing, 'write_file', dies)
    assert prepare(name, folder, tmp_path / 'd', *more) == 130
    assert not manifest.is_complete(tmp_path / 'd')
    monkeypatch.setattr(writing, 'write_file', plain)
    assert prepare(name, folder, tmp_path / 'd', *more) == 0
    assert manifest.is_complete(tmp_path / 'd')
    assert tree(tmp_path / 'd') == first


def test_several_processes_write_the_same(tmp_path, monkeypatch):
    files = downloads.coco_stuff164k()
    folder = downloads.write(tmp_path / 'folder', files)
    monkeypatch.setattr(writing, 'FEW', 1)
    assert prepare('coco-stuff164k', folder, tmp_path / 'a') == 0
    arguments = ['--source', str(folder), '--out', str(tmp_path / 'b'), '--workers', '2']
    assert prepare_data.main(['coco-stuff164k', *arguments]) == 0
    assert tree(tmp_path / 'a') == tree(tmp_path / 'b')


def prepared(name: str, tmp_path: Path) -> Path:
    folder = downloads.write(tmp_path / 'source', MAKE[name]())
    assert prepare(name, folder, tmp_path / 'out', *options(name, tmp_path)) == 0
    return tmp_path / 'out'


def test_coco_10k_ids(tmp_path):
    out = prepared('coco-stuff10k', tmp_path)
    path = out / 'annotations/train2014/COCO_train2014_000000000000_labelTrainIds.png'
    # 13 comes after the unused 12; 92 after eleven unused ones; 182 is the last of 171.
    assert np.unique(mask(path)).tolist() == [0, 1, 12, 81, 171]
    assert len(list((out / 'images/test2014').iterdir())) == 2


def test_coco_164k_ids(tmp_path):
    out = prepared('coco-stuff164k', tmp_path)
    path = out / 'annotations/val2017/000000000000_labelTrainIds.png'
    assert np.unique(mask(path)).tolist() == [0, 11, 80, 170, 255]


def test_coco_tables_agree_with_the_class_list():
    """'street sign' (12), 'plate' (45) and so on were never used; 'banner' is id 92."""
    from mmseg.datasets import COCOStuffDataset

    from icpc.datasets.converters.coco_stuff import IDS_10K, IDS_164K

    classes = COCOStuffDataset.METAINFO['classes']
    assert len(classes) == 171
    assert len(IDS_10K) == len(IDS_164K) == 172
    for coco_id, name in ((1, 'person'), (90, 'toothbrush'), (92, 'banner'), (182, 'wood')):
        assert classes[IDS_10K[coco_id] - 1] == name
        assert classes[IDS_164K[coco_id - 1]] == name


def test_voc_takes_its_own_masks_and_adds_sbd(tmp_path):
    out = prepared('voc', tmp_path) / 'VOC2012'
    lists = {p.stem: p.read_text().split() for p in (out / 'ImageSets/Segmentation').iterdir()}
    assert lists['trainaug'] == ['2007_1', '2007_2', '2008_1', '2008_2']
    assert lists['val'] == ['2007_3']
    masks = out / 'SegmentationClassAug'
    assert np.unique(mask(masks / '2007_1.png')).tolist() == [0, 1, 20, 255]
    assert np.unique(mask(masks / '2008_1.png')).tolist() == [0, 3, 15]


def test_context_ids(tmp_path):
    from mmseg.datasets import PascalContextDataset59

    out = prepared('pascal-context59', tmp_path) / 'VOC2010'
    found = np.unique(mask(out / 'SegmentationClassContext/2008_1.png')).tolist()
    assert found == [0, 1, 2, 59]  # 100 is none of the 59
    classes = PascalContextDataset59.METAINFO['classes']
    assert (classes[0], classes[1], classes[58]) == ('aeroplane', 'bag', 'wood')
    assert (out / 'ImageSets/SegmentationContext/train.txt').read_text() == '2008_1\n2008_2\n'


def test_cityscapes_ids(tmp_path):
    path = prepared('cityscapes', tmp_path) / 'gtFine/val/town'
    (file,) = path.glob('*_000001_*')
    assert np.unique(mask(file)).tolist() == [0, 1, 10, 18, 255]


def test_folder_ids_and_split(tmp_path):
    out = prepared('folder', tmp_path)
    assert mask(out / 'annotations/training/2.png').dtype == np.uint16
    assert np.unique(mask(out / 'annotations/training/2.png')).tolist() == [0, 1, 2, 65535]
    assert sorted(p.name for p in (out / 'images/validation').iterdir()) == [
        '0.jpg',
        '1.jpg',
        '3.jpg',
    ]


def test_folder_of_several_picture_formats_becomes_one(tmp_path):
    files = downloads.folder()
    bitmap = Image.open(io.BytesIO(files.pop('pictures/2.jpg')))
    buffer = io.BytesIO()
    bitmap.save(buffer, format='BMP')
    source = downloads.write(tmp_path / 'source', files | {'pictures/2.bmp': buffer.getvalue()})
    assert prepare('folder', source, tmp_path / 'out', *options('folder', tmp_path)) == 0
    names = {split: [] for split in ('training', 'validation')}
    for split, found in names.items():
        found += sorted(p.name for p in (tmp_path / f'out/images/{split}').iterdir())
    assert names == {'training': ['2.png'], 'validation': ['0.png', '1.png', '3.png']}
    assert (np.array(Image.open(tmp_path / 'out/images/training/2.png')) == np.array(bitmap)).all()


def test_full_ade_classes_masks_and_names(tmp_path):
    out = prepared('ade20k-full', tmp_path)
    # wall, sky and both screens; not tail (a part), door and car (in one split only).
    rows = [line.split('\t') for line in (out / 'classes_full.tsv').read_text().splitlines()]
    assert [(int(i), name) for _, i, name in rows] == [
        (1, 'wall'),
        (2, 'sky, heavens'),
        (3, 'screen, crt screen'),
        (4, 'screen'),
    ]
    assert (out / 'classes.txt').read_text().split('\n')[:-1] == [
        'wall',
        'sky',
        'crt screen',
        'screen',
    ]
    found = mask(out / 'annotations/training/ADE_train_00000001.png')
    assert found.dtype == np.uint16
    assert np.unique(found).tolist() == [0, 1, 2, 65535]
    assert sorted(p.name for p in (out / 'images/training').iterdir()) == [
        'ADE_frame_00000003.jpg',
        'ADE_train_00000001.jpg',
        'ADE_train_00000002.jpg',
    ]


def test_full_ade_large_pictures_become_smaller(tmp_path):
    source = downloads.write(tmp_path / 'source', downloads.ade20k_full((600, 1024)))
    assert prepare('ade20k-full', source, tmp_path / 'out', '--expect-classes', '4') == 0
    name = 'ADE_val_00000001'
    image = Image.open(tmp_path / f'out/images/validation/{name}.jpg')
    labels = mask(tmp_path / f'out/annotations/validation/{name}.png')
    assert image.size == labels.shape[::-1] == (874, 512)  # 1024 / 600 * 512 = 873.8


@pytest.mark.parametrize('kind', ['tsv', 'json', 'py'])
def test_full_ade_table_of_the_user(tmp_path, kind):
    rows = [dict(name='screen', id=4, trainId=1), dict(name='car, auto', id=7, trainId=0)]
    text = {
        'tsv': '7\tcar, auto\n4\tscreen\n',
        'json': json.dumps(rows),
        'py': f'import os\nos.mkdir("{tmp_path}/ran")\nTABLE = {rows!r}\n',
    }[kind]
    table = tmp_path / f'table.{kind}'
    table.write_text(text)
    source = downloads.write(tmp_path / 'source', downloads.ade20k_full())
    assert prepare('ade20k-full', source, tmp_path / 'out', '--table', str(table)) == 0
    assert (tmp_path / 'out/classes.txt').read_text() == 'car\nscreen\n'
    found = mask(tmp_path / 'out/annotations/validation/ADE_val_00000002.png')
    assert np.unique(found).tolist() == [0, 65535]
    assert not (tmp_path / 'ran').exists()


def test_object_ids_above_255():
    labels = ade20k_full.object_ids(downloads.ade_mask([0, 255, 256, 2978]))
    assert np.unique(labels).tolist() == [0, 255, 256, 2978]


def test_every_command_has_a_converter():
    known = {*commands._PLANS, 'ade20k-full', 'folder', 'scenes'}
    assert set(DATASETS) == known
