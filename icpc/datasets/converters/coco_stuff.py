"""COCO-Stuff, 171 classes: the 10k edition (v1.1, MATLAB files) and the 164k edition (PNG)."""

from functools import partial

import numpy as np

from ...errors import UserError
from ...foreign_files.matlab import read_matlab
from .masks import convert_mask, encode_ids, map_ids
from .plan import Plan, pairs, stems
from .sources import Source, listed_names
from .writing import Job

# COCO numbers its classes 1..182 and never used these.
_UNUSED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
_USED = [i for i in range(1, 183) if i not in _UNUSED]  # 171
# 10k: 0 is unlabelled, classes become 1..171 (reduce_zero_label maps them to 0..170).
IDS_10K = {0: 0, **{old: new for new, old in enumerate(_USED, start=1)}}
# 164k: ids are one less, 255 is unlabelled, classes become 0..170.
IDS_164K = {255: 255, **{old - 1: new for new, old in enumerate(_USED)}}


def plan_10k(source: Source) -> Plan:
    """COCO-Stuff 10k v1.1: images/, annotations/*.mat (key `S`), imageLists/{train,test}.txt."""
    images = stems(source.under('images', '.jpg'), '.jpg')
    masks = stems(source.under('annotations', '.mat'), '.mat')
    if not masks and source.under('annotations', '.png'):
        raise UserError(
            f'--source {source.root}: annotations are .png, those of the 10k edition v1.1 are '
            '.mat; is it the 164k edition (coco-stuff164k)?'
        )
    jobs = []
    for split in ('train', 'test'):
        path = source.one(f'imageLists/{split}.txt')
        names = listed_names(source, path)
        chosen = [
            {name: files[name] for name in names if name in files} for files in (images, masks)
        ]
        if len(chosen[1]) < len(names):
            lost = sorted(set(names) - set(chosen[1]))
            raise UserError(
                f'{path} lists {len(names)} pictures, {len(lost)} have no annotation, among them '
                f'{lost[0]}; is the download complete?'
            )
        for name, image, mask in pairs(source, *chosen, split):
            folder = f'{split}2014'
            jobs.append(Job(f'images/{folder}/{name}.jpg', image))
            target = f'annotations/{folder}/{name}_labelTrainIds.png'
            jobs.append(Job(target, mask, convert_matlab))
    return Plan(jobs, dict(dataset='coco-stuff10k'))


def convert_matlab(content: bytes) -> bytes:
    """A `.mat` file's label map `S`, ids replaced, as PNG."""
    labels = read_matlab(content, variable_names=['S']).get('S')
    if labels is None or labels.ndim != 2:
        raise UserError('no label map `S` in this .mat file; is it from COCO-Stuff 10k v1.1?')
    return encode_ids(map_ids(labels.astype(np.int64), IDS_10K, None))


def plan_164k(source: Source) -> Plan:
    """COCO-Stuff 164k: train2017, val2017 and stuffthingmaps_trainval2017, zipped or not."""
    jobs = []
    for split in ('train2017', 'val2017'):
        images = stems(source.under(split, '.jpg'), '.jpg')
        masks = source.under(split, '.png')
        masks = {k: v for k, v in masks.items() if not k.endswith(('TrainIds.png', 'Ids.png'))}
        for name, image, mask in pairs(source, images, stems(masks, '.png'), split):
            jobs.append(Job(f'images/{split}/{name}.jpg', image))
            target = f'annotations/{split}/{name}_labelTrainIds.png'
            jobs.append(Job(target, mask, partial(convert_mask, table=IDS_164K, other=None)))
    return Plan(jobs, dict(dataset='coco-stuff164k'))
