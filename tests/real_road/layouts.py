"""Files of each download, where its edition has them: pictures, masks, lists and indices."""

import pickle

import downloads
import numpy as np
from made_up_scenes import Scene

ADE_FULL_OBJECTS, ADE_FULL_PART = 848, 3  # object 3 is only ever a part, which leaves 847 classes
Named = list[tuple[str, Scene]]


def ade20k(named: Named) -> dict[str, bytes]:
    files, root = {}, 'ADEChallengeData2016'
    for name, scene in named:
        files[f'{root}/images/{scene.split}/{name}.jpg'] = scene.jpeg
        files[f'{root}/annotations/{scene.split}/{name}.png'] = scene.mask()
    return files


def ade20k_full(named: Named, published: bool = False) -> dict[str, bytes]:
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


def coco_stuff10k(named: Named) -> dict[str, bytes]:
    files, lists = {}, {'training': [], 'validation': []}
    for name, scene in named:
        lists[scene.split].append(name)
        files[f'images/{name}.jpg'] = scene.jpeg
        files[f'annotations/{name}.mat'] = downloads.matlab(S=scene.labels.astype(np.uint8))
    for file, split in (('train', 'training'), ('test', 'validation')):
        files[f'imageLists/{file}.txt'] = downloads.lines(lists[split])
    return files


def coco_stuff164k(named: Named) -> dict[str, bytes]:
    files = {}
    for name, scene in named:
        split = {'training': 'train2017', 'validation': 'val2017'}[scene.split]
        files[f'{split}/{name}.jpg'] = scene.jpeg
        files[f'stuffthingmaps_trainval2017/{split}/{name}.png'] = scene.mask()
    return files


def voc(named: Named) -> dict[str, bytes]:
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


def context(named: Named) -> dict[str, bytes]:
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


def cityscapes(named: Named) -> dict[str, bytes]:
    files = {}
    for name, scene in named:
        split = {'training': 'train', 'validation': 'val'}[scene.split]
        stem = name.removesuffix('_leftImg8bit')
        files[f'leftImg8bit/{split}/{name}.png'] = scene.png
        files[f'gtFine/{split}/{stem}_gtFine_labelIds.png'] = scene.mask()
    return files


def camvid(named: Named) -> dict[str, bytes]:
    files = {}
    for name, scene in named:
        split = {'training': 'train', 'validation': 'val'}.get(scene.split, scene.split)
        files[f'CamVid/{split}/{name}.png'] = scene.png
        files[f'CamVid/{split}annot/{name}.png'] = scene.mask()
    return files


def folder(named: Named) -> dict[str, bytes]:
    """Folders train and val in both: that split is kept."""
    files = {'names.txt': downloads.lines(['cat', 'dog', 'bird', 'tree'])}
    for name, scene in named:
        split = {'training': 'train', 'validation': 'val'}[scene.split]
        files[f'images/{split}/{name}.jpg'] = scene.jpeg
        files[f'masks/{split}/{name}.png'] = scene.mask()
    return files
