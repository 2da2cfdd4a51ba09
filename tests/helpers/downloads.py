"""Tiny made-up downloads of every edition, in the formats and folders of the real ones."""

import io
import json
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

SIZE = (40, 56)  # height, width
ADE_OBJECTS = ['wall', 'sky, heavens', 'screen, crt screen', 'screen', 'tail', 'door', 'car, auto']


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    return encoded(pixels, 'JPEG')


def encoded(pixels: np.ndarray, kind: str = 'PNG', palette: bool = False) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette([channel for i in range(256) for channel in (i, 255 - i, i // 2)])
    image.save(buffer, format=kind)
    return buffer.getvalue()


def ids(values: list[int], dtype: type = np.uint8) -> np.ndarray:
    """(H, W): the values in columns, every one of them present."""
    columns = np.linspace(0, len(values) - 1e-6, SIZE[1]).astype(int)
    return np.tile(np.array(values, dtype=dtype)[columns], (SIZE[0], 1))


def matlab(**values: object) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, values)
    return buffer.getvalue()


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def lines(names: list[str]) -> bytes:
    return ''.join(f'{name}\n' for name in names).encode()


def ade20k() -> dict[str, bytes]:
    files, root = {}, 'ADEChallengeData2016'
    for split, short in (('training', 'train'), ('validation', 'val')):
        for i in range(3):
            name = f'ADE_{short}_{i:08}'
            files[f'{root}/images/{split}/{name}.jpg'] = picture(i)
            mask = encoded(ids([0, 1, 5, 150]))
            files[f'{root}/annotations/{split}/{name}.png'] = mask
    return files


def coco_stuff10k() -> dict[str, bytes]:
    files, lists = {}, {'train': [], 'test': []}
    for i in range(5):
        name = f'COCO_train2014_{i:012}'
        lists['train' if i < 3 else 'test'].append(name)
        files[f'images/{name}.jpg'] = picture(i)
        files[f'annotations/{name}.mat'] = matlab(S=ids([0, 1, 13, 92, 182]))
    for split, names in lists.items():
        files[f'imageLists/{split}.txt'] = lines(names)
    return files


def coco_stuff164k() -> dict[str, bytes]:
    files = {}
    for split in ('train2017', 'val2017'):
        for i in range(3):
            name = f'{i:012}'
            files[f'{split}/{name}.jpg'] = picture(i)
            mask = encoded(ids([255, 0, 12, 91, 181]))
            files[f'stuffthingmaps_trainval2017/{split}/{name}.png'] = mask
    return files


def coco2014(
    shapes: Sequence[tuple[int, float, object]] = (), categories: int = 80
) -> dict[str, bytes]:
    """Two pictures of 6 x 8 a split; the first has shapes (category id, area, segmentation)."""
    files = {}
    for split in ('train2014', 'val2014'):
        names = {i: f'COCO_{split}_{i:012}.jpg' for i in (7, 9)}
        annotations = [
            dict(image_id=7, category_id=c, area=a, segmentation=s, iscrowd=int(type(s) is dict))
            for c, a, s in shapes
        ]
        tree = {
            'categories': [{'id': 3 * i + 1} for i in range(categories)],
            'images': [
                {'id': i, 'file_name': name, 'height': 6, 'width': 8} for i, name in names.items()
            ],
            'annotations': annotations,
        }
        files[f'annotations/instances_{split}.json'] = json.dumps(tree).encode()
        files |= {f'{split}/{name}': picture(i, (6, 8)) for i, name in names.items()}
    return files


def voc() -> dict[str, bytes]:
    files, train, val, extra = {}, ['2007_1', '2007_2'], ['2007_3'], ['2008_1', '2008_2']
    root = 'VOCdevkit/VOC2012'
    for i, name in enumerate([*train, *val, *extra]):
        files[f'{root}/JPEGImages/{name}.jpg'] = picture(i)
    for name in [*train, *val]:
        mask = encoded(ids([0, 1, 20, 255]), palette=True)
        files[f'{root}/SegmentationClass/{name}.png'] = mask
    for name in [*train, *val, *extra]:
        record = {'Segmentation': ids([0, 3, 15]), 'Boundaries': np.zeros(1)}
        files[f'benchmark_RELEASE/dataset/cls/{name}.mat'] = matlab(GTcls=record)
    files[f'{root}/ImageSets/Segmentation/train.txt'] = lines(train)
    files[f'{root}/ImageSets/Segmentation/val.txt'] = lines(val)
    return files


def pascal_context59() -> dict[str, bytes]:
    files, root = {}, 'VOCdevkit/VOC2010'
    lists = {'train': ['2008_1', '2008_2', '2008_9'], 'val': ['2008_3']}
    for split, names in lists.items():
        files[f'{root}/ImageSets/Main/{split}.txt'] = lines(names)
        for i, name in enumerate(names):
            files[f'{root}/JPEGImages/{name}.jpg'] = picture(i)
            if name != '2008_9':  # VOC 2010 has pictures that Context did not annotate
                labels = ids([0, 2, 9, 100, 458], np.uint16)
                files[f'trainval/{name}.mat'] = matlab(LabelMap=labels)
    return files


def cityscapes() -> dict[str, bytes]:
    files = {}
    for split in ('train', 'val'):
        for i in range(2):
            name = f'{split}/town/town_{i:06}_000019'
            files[f'leftImg8bit/{name}_leftImg8bit.png'] = encoded(
                np.full((*SIZE, 3), 40 * i, np.uint8)
            )
            files[f'gtFine/{name}_gtFine_labelIds.png'] = encoded(ids([0, 7, 8, 23, 33]))
            files[f'gtFine/{name}_gtFine_color.png'] = encoded(np.zeros((*SIZE, 4), np.uint8))
    return files


def camvid() -> dict[str, bytes]:
    files = {}
    for split, shade in (('train', 10), ('val', 20), ('test', 30)):
        for i in range(2):
            pixels = np.full((*SIZE, 3), shade + i, np.uint8)
            pixels[:, ::2] = 200
            files[f'CamVid/{split}/{split}_{i}.png'] = encoded(pixels)
            files[f'CamVid/{split}annot/{split}_{i}.png'] = encoded(ids([0, 3, 10, 11]))
    return files


def folder() -> dict[str, bytes]:
    files = {}
    for i in range(4):
        files[f'pictures/{i}.jpg'] = picture(i)
        files[f'labels/{i}.png'] = encoded(ids([0, 1, 2, 255]))
    return files


def ade_mask(objects: list[int], size: tuple[int, int] = SIZE) -> bytes:
    """`_seg.png` with the objects in columns."""
    columns = np.linspace(0, len(objects) - 1e-6, size[1]).astype(int)
    return ade_pixels(np.tile(np.array(objects)[columns], (size[0], 1)))


def ade_pixels(labels: np.ndarray) -> bytes:
    """`_seg.png`: id = R // 10 * 256 + G, B is the instance."""
    channels = [labels // 256 * 10, labels % 256, np.full_like(labels, 7)]
    return encoded(np.stack(channels, axis=2).astype(np.uint8))


def ade_index(
    places: list[tuple[str, str]], objects: list[str], presence: np.ndarray, part: np.ndarray
) -> dict[str, object]:
    """Of pictures in `places`, folder and name; the matrices are (objects, pictures)."""
    return dict(
        filename=[name for _, name in places],
        folder=[folder for folder, _ in places],
        objectnames=objects,
        objectPresence=presence,
        objectIsPart=part,
        objectcounts=presence.sum(1),
        scene=['/urban/street'] * len(places),
    )


def ade20k_full(size: tuple[int, int] = SIZE) -> dict[str, bytes]:
    """Seven objects: tail is only ever a part, door only in training, car only in validation."""
    root, place = 'ADE20K_2021_17_01', 'images/ADE/{}/urban/street'
    shown = {
        'ADE_train_00000001': [1, 2, 3, 6],
        'ADE_train_00000002': [1, 4, 5],
        'ADE_frame_00000003': [1, 2, 4],
        'ADE_val_00000001': [1, 2, 3, 4, 5],
        'ADE_val_00000002': [1, 7],
    }
    files, places = {}, []
    presence = np.zeros((len(ADE_OBJECTS), len(shown)))
    part = np.zeros_like(presence)
    for column, (name, objects) in enumerate(shown.items()):
        inner = place.format('validation' if '_val_' in name else 'training')
        files[f'{root}/{inner}/{name}.jpg'] = picture(column, size)
        files[f'{root}/{inner}/{name}_seg.png'] = ade_mask([0, *objects], size)
        places.append((f'{root}/{inner}', f'{name}.jpg'))
        presence[np.array(objects) - 1, column] = 2
        part[4, column] = presence[4, column]  # every tail belongs to something
    index = ade_index(places, ADE_OBJECTS, presence, part)
    files[f'{root}/index_ade20k.pkl'] = pickle.dumps(index, protocol=4)
    return files
