"""Every dataset as it is published: tiny downloads, what their ids mean, how to prepare them."""

import importlib.util
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import downloads
import numpy as np
from made_up_scenes import Scene, scenes

_TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'prepare_data.py'
_SPEC = importlib.util.spec_from_file_location('prepare_data', _TOOL)
prepare_data = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(prepare_data)
ADE_FULL_OBJECTS, ADE_FULL_PART = 848, 3  # object 3 is only ever a part, which leaves 847 classes


@dataclass(frozen=True)
class Edition:
    """A published edition of a dataset.

    Attributes:
        ids: Id in its masks -> class by the dataset's own list, -1: does not count.
        name: Stem of the picture of a scene.
        files: The download that holds the scenes.
        root: Folder of the prepared data that configs call data_root.
        first_id: Of the prepared masks, as `tools/test.py --out` writes them.
        splits: That it has; the last one is tested.
        options: More of `tools/prepare_data.py`; {source} is the download.
    """

    ids: dict[int, int]
    name: Callable[[Scene], str]
    files: Callable[[list[tuple[str, Scene]]], dict[str, bytes]]
    root: str = ''
    first_id: int = 0
    splits: tuple[str, ...] = ('training', 'validation')
    options: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Tree:
    """A prepared dataset: its data_root, and the classes (H, W) of every picture that is tested."""

    root: Path
    truth: dict[str, np.ndarray]
    first_id: int
    splits: tuple[str, ...]


def prepared(key: str, folder: Path) -> Tree:
    """Writes the download of an edition and lets `tools/prepare_data.py` convert it."""
    edition, named = EDITIONS[key], named_scenes(key)
    source, out = downloads.write(folder / 'download', edition.files(named)), folder / 'data'
    options = [option.format(source=source) for option in edition.options]
    places = ['--source', str(source), '--out', str(out), '--workers', '1']
    assert prepare_data.main([key, *places, *options]) == 0
    classes = np.vectorize(edition.ids.get)
    truth = {n: classes(scene.labels) for n, scene in named if scene.split == edition.splits[-1]}
    return Tree(out / edition.root, truth, edition.first_id, edition.splits)


def named_scenes(key: str) -> list[tuple[str, Scene]]:
    """The pictures of an edition with their names."""
    edition = EDITIONS[key]
    return [(edition.name(scene), scene) for scene in scenes(edition.ids, edition.splits)]


def _ade20k(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    files, root = {}, 'ADEChallengeData2016'
    for name, scene in named:
        files[f'{root}/images/{scene.split}/{name}.jpg'] = scene.jpeg
        files[f'{root}/annotations/{scene.split}/{name}.png'] = scene.mask()
    return files


def _ade20k_full(named: list[tuple[str, Scene]], published: bool = False) -> dict[str, bytes]:
    """With `published` the first picture of each split claims all objects, so that 847 remain."""
    files, root, places = {}, 'ADE20K_2021_17_01', []
    presence = np.zeros((ADE_FULL_OBJECTS, len(named)))
    for column, (name, scene) in enumerate(named):
        places.append((f'{root}/images/ADE/{scene.split}/urban/street', f'{name}.jpg'))
        files['/'.join(places[-1])] = scene.jpeg
        files[f'{places[-1][0]}/{name}_seg.png'] = downloads.ade_pixels(scene.labels)
        presence[np.unique(scene.labels[scene.labels > 0]) - 1, column] = 2
        if published and scene.place == 0:
            presence[:, column] = 2
    part = np.zeros_like(presence)
    part[ADE_FULL_PART - 1] = presence[ADE_FULL_PART - 1]
    objects = [f'object {i}, synonym {i}' for i in range(1, ADE_FULL_OBJECTS + 1)]
    index = downloads.ade_index(places, objects, presence, part)
    return {**files, f'{root}/index_ade20k.pkl': pickle.dumps(index, protocol=4)}


def _coco_stuff10k(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    files, lists = {}, {'training': [], 'validation': []}
    for name, scene in named:
        lists[scene.split].append(name)
        files[f'images/{name}.jpg'] = scene.jpeg
        files[f'annotations/{name}.mat'] = downloads.matlab(S=scene.labels.astype(np.uint8))
    for file, split in (('train', 'training'), ('test', 'validation')):
        files[f'imageLists/{file}.txt'] = downloads.lines(lists[split])
    return files


def _coco_stuff164k(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    files = {}
    for name, scene in named:
        split = {'training': 'train2017', 'validation': 'val2017'}[scene.split]
        files[f'{split}/{name}.jpg'] = scene.jpeg
        files[f'stuffthingmaps_trainval2017/{split}/{name}.png'] = scene.mask()
    return files


def _voc(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    """VOC 2012's own masks have a palette; every second training picture has one of SBD alone."""
    files, lists, root = {}, {'training': [], 'validation': []}, 'VOCdevkit/VOC2012'
    for name, scene in named:
        files[f'{root}/JPEGImages/{name}.jpg'] = scene.jpeg
        if scene.split == 'training' and scene.place % 2:
            labels = np.where(scene.labels == 255, 0, scene.labels).astype(np.uint8)
            record = {'Segmentation': labels, 'Boundaries': np.zeros(1)}
            files[f'benchmark_RELEASE/dataset/cls/{name}.mat'] = downloads.matlab(GTcls=record)
        else:
            lists[scene.split].append(name)
            files[f'{root}/SegmentationClass/{name}.png'] = scene.mask(palette=True)
    for file, split in (('train', 'training'), ('val', 'validation')):
        files[f'{root}/ImageSets/Segmentation/{file}.txt'] = downloads.lines(lists[split])
    return files


def _context(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    files, root = {}, 'VOCdevkit/VOC2010'
    lists = {'training': ['2008_900000'], 'validation': []}  # that one is not annotated
    files[f'{root}/JPEGImages/2008_900000.jpg'] = named[0][1].jpeg
    for name, scene in named:
        lists[scene.split].append(name)
        files[f'{root}/JPEGImages/{name}.jpg'] = scene.jpeg
        labels = scene.labels.astype(np.uint16)
        files[f'trainval/{name}.mat'] = downloads.matlab(LabelMap=labels)
    for file, split in (('train', 'training'), ('val', 'validation')):
        files[f'{root}/ImageSets/Main/{file}.txt'] = downloads.lines(lists[split])
    return files


def _cityscapes(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    files = {}
    for name, scene in named:
        split = {'training': 'train', 'validation': 'val'}[scene.split]
        stem = name.removesuffix('_leftImg8bit')
        files[f'leftImg8bit/{split}/{name}.png'] = scene.png
        files[f'gtFine/{split}/{stem}_gtFine_labelIds.png'] = scene.mask()
    return files


def _camvid(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    files = {}
    for name, scene in named:
        split = {'training': 'train', 'validation': 'val'}.get(scene.split, scene.split)
        files[f'CamVid/{split}/{name}.png'] = scene.png
        files[f'CamVid/{split}annot/{name}.png'] = scene.mask()
    return files


def _folder(named: list[tuple[str, Scene]]) -> dict[str, bytes]:
    """By names, every second picture is for validation: training's come between them."""
    files = {'names.txt': downloads.lines(['cat', 'dog', 'bird', 'tree'])}
    for name, scene in named:
        files[f'images/{name}.jpg'] = scene.jpeg
        files[f'masks/{name}.png'] = scene.mask()
    return files


def _short(scene: Scene) -> str:
    return 'val' if scene.split == 'validation' else 'train'


def _number(scene: Scene) -> int:
    """Different over both splits."""
    return 2 * scene.place + (scene.split == 'validation')


EDITIONS = {
    'ade20k': Edition(
        ids={0: -1, 1: 0, 5: 4, 77: 76, 150: 149},
        name=lambda scene: f'ADE_{_short(scene)}_{scene.place:08}',
        files=_ade20k,
        first_id=1,
    ),
    'ade20k-full': Edition(
        # Object 3 is a part; validation shows no 848.
        ids={0: -1, 3: -1, 1: 0, 4: 1, 257: 2, 848: -1},
        name=lambda scene: f'ADE_{_short(scene)}_{scene.place:08}',
        files=_ade20k_full,
        options=('--expect-classes', '3'),
    ),
    'ade20k-full of 847 classes': Edition(
        # Object 3 is no class, so that those behind it move up.
        ids={0: -1, 3: -1, 1: 0, 4: 2, 257: 255, 848: 846},
        name=lambda scene: f'ADE_{_short(scene)}_{scene.place:08}',
        files=partial(_ade20k_full, published=True),
    ),
    'coco-stuff10k': Edition(
        # person, stop sign (12 was never used), banner, wood.
        ids={0: -1, 1: 0, 13: 11, 92: 80, 182: 170},
        name=lambda scene: f'COCO_train2014_{_number(scene):012}',
        files=_coco_stuff10k,
        first_id=1,
    ),
    'coco-stuff164k': Edition(
        ids={255: -1, 0: 0, 12: 11, 91: 80, 181: 170},
        name=lambda scene: f'{_number(scene):012}',
        files=_coco_stuff164k,
    ),
    'voc': Edition(
        ids={255: -1, 0: 0, 1: 1, 7: 7, 20: 20},
        name=lambda scene: f'2007_{_number(scene):06}',
        files=_voc,
        root='VOC2012',
    ),
    'pascal-context59': Edition(
        # aeroplane, bag, bed (18 of 459), wood; 100 is none of the 59.
        ids={0: -1, 100: -1, 2: 0, 9: 1, 18: 2, 458: 58},
        name=lambda scene: f'2008_{_number(scene):06}',
        files=_context,
        root='VOC2010',
        first_id=1,
    ),
    'cityscapes': Edition(
        # road, sidewalk, sky, car, bicycle; ids 0 and 4 are not evaluated.
        ids={0: -1, 4: -1, 7: 0, 8: 1, 23: 10, 26: 13, 33: 18},
        name=lambda scene: f'town/town_{_number(scene):06}_000019_leftImg8bit',
        files=_cityscapes,
    ),
    'camvid': Edition(
        # sky, building, road, car; 11 is void.
        ids={11: -1, 0: 0, 1: 1, 3: 3, 8: 8},
        name=lambda scene: f'0001TP_{scene.split}_{scene.place:06}',
        files=_camvid,
        splits=('training', 'validation', 'test'),
    ),
    'folder': Edition(
        ids={255: -1, 0: 0, 1: 1, 2: 2, 3: 3},
        name=lambda scene: f'photo_{_number(scene):03}',
        files=_folder,
        options=('--names', '{source}/names.txt', '--validation-every', '2'),
    ),
}
