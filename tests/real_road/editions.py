"""Every dataset as it is published: tiny downloads, what their ids mean, how to prepare them."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import downloads
import layouts
import numpy as np
from made_up_scenes import Scene, scenes

_TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'prepare_data.py'
_SPEC = importlib.util.spec_from_file_location('prepare_data', _TOOL)
prepare_data = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(prepare_data)


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
    assert prepare_data.main([key.split()[0], *places, *options]) == 0
    classes = np.vectorize(edition.ids.get)
    truth = {n: classes(scene.labels) for n, scene in named if scene.split == edition.splits[-1]}
    return Tree(out / edition.root, truth, edition.first_id, edition.splits)


def named_scenes(key: str) -> list[tuple[str, Scene]]:
    """The pictures of an edition with their names."""
    edition = EDITIONS[key]
    return [(edition.name(scene), scene) for scene in scenes(edition.ids, edition.splits)]


def _short(scene: Scene) -> str:
    return 'val' if scene.split == 'validation' else 'train'


def _number(scene: Scene) -> int:
    """Different over both splits."""
    return 2 * scene.place + (scene.split == 'validation')


EDITIONS = {
    'ade20k': Edition(
        ids={0: -1, 1: 0, 5: 4, 77: 76, 150: 149},
        name=lambda scene: f'ADE_{_short(scene)}_{scene.place:08}',
        files=layouts.ade20k,
        first_id=1,
    ),
    'ade20k-full': Edition(
        # Object 3 is a part; validation shows no 848.
        ids={0: -1, 3: -1, 1: 0, 4: 1, 257: 2, 848: -1},
        name=lambda scene: f'ADE_{_short(scene)}_{scene.place:08}',
        files=layouts.ade20k_full,
        options=('--expect-classes', '3'),
    ),
    'ade20k-full of 847 classes': Edition(
        # Object 3 is no class, so that those behind it move up.
        ids={0: -1, 3: -1, 1: 0, 4: 2, 257: 255, 848: 846},
        name=lambda scene: f'ADE_{_short(scene)}_{scene.place:08}',
        files=partial(layouts.ade20k_full, published=True),
    ),
    'coco-stuff10k': Edition(
        # person, stop sign (12 was never used), banner, wood.
        ids={0: -1, 1: 0, 13: 11, 92: 80, 182: 170},
        name=lambda scene: f'COCO_train2014_{_number(scene):012}',
        files=layouts.coco_stuff10k,
        first_id=1,
    ),
    'coco-stuff164k': Edition(
        ids={255: -1, 0: 0, 12: 11, 91: 80, 181: 170},
        name=lambda scene: f'{_number(scene):012}',
        files=layouts.coco_stuff164k,
    ),
    'voc': Edition(
        ids={255: -1, 0: 0, 1: 1, 7: 7, 20: 20},
        name=lambda scene: f'2007_{_number(scene):06}',
        files=layouts.voc,
        root='VOC2012',
    ),
    'pascal-context59': Edition(
        # aeroplane, bag, bed (18 of 459), wood; 100 is none of the 59.
        ids={0: -1, 100: -1, 2: 0, 9: 1, 18: 2, 458: 58},
        name=lambda scene: f'2008_{_number(scene):06}',
        files=layouts.context,
        root='VOC2010',
        first_id=1,
    ),
    'cityscapes': Edition(
        # road, sidewalk, sky, car, bicycle; ids 0 and 4 are not evaluated.
        ids={0: -1, 4: -1, 7: 0, 8: 1, 23: 10, 26: 13, 33: 18},
        name=lambda scene: f'town/town_{_number(scene):06}_000019_leftImg8bit',
        files=layouts.cityscapes,
    ),
    'camvid': Edition(
        # sky, building, road, car; 11 is void.
        ids={11: -1, 0: 0, 1: 1, 3: 3, 8: 8},
        name=lambda scene: f'0001TP_{scene.split}_{scene.place:06}',
        files=layouts.camvid,
        splits=('training', 'validation', 'test'),
    ),
    'folder': Edition(
        ids={255: -1, 0: 0, 1: 1, 2: 2, 3: 3},
        name=lambda scene: f'photo_{_number(scene):03}',
        files=layouts.folder,
        options=('--names', '{source}/names.txt'),
    ),
}
