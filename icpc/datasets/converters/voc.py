"""Pascal VOC 2012 with SBD's additional masks, and Pascal Context on VOC 2010."""

from functools import partial

import numpy as np

from ...errors import UserError
from ...foreign_files.matlab import read_matlab
from .masks import convert_mask, encode_ids, map_ids
from .plan import Plan, stems
from .sources import Source, listed_names
from .writing import Job

_VOC_IDS = {**{i: i for i in range(21)}, 255: 255}


def plan_voc(source: Source) -> Plan:
    """VOC 2012's 1,464 + 1,449 masks and SBD's, 10,582 training pictures in all.

    SBD comes as `dataset/cls/*.mat` (benchmark.tgz, unpacked) or as the widespread
    `SegmentationClassAug` PNGs. Where VOC has a mask itself, that one is taken.
    """
    images = stems(source.under('VOC2012/JPEGImages', '.jpg'), '.jpg')
    voc = stems(source.under('VOC2012/SegmentationClass', '.png'), '.png')
    lists = {s: _names(source, f'Segmentation/{s}.txt') for s in ('train', 'val')}
    extra = {name: (path, convert_sbd) for name, path in _sbd(source).items()}
    ready = stems(source.under('SegmentationClassAug', '.png'), '.png')
    table = partial(convert_mask, table=_VOC_IDS, other=None)
    extra |= {name: (path, table) for name, path in ready.items()}
    if not extra:
        raise UserError(
            f'--source {source.root}: VOC 2012 without SBD; add '
            'benchmark_RELEASE/dataset/cls/*.mat (unpack benchmark.tgz) or '
            'SegmentationClassAug beside VOCdevkit'
        )
    masks = {**extra, **{name: (path, table) for name, path in voc.items()}}
    train = sorted((set(lists['train']) | set(extra)) - set(lists['val']))
    wanted = [*train, *lists['val']]
    _complete(wanted, images, masks, source)
    jobs = []
    for name in wanted:
        path, convert = masks[name]
        jobs.append(Job(f'VOC2012/JPEGImages/{name}.jpg', images[name]))
        jobs.append(Job(f'VOC2012/SegmentationClassAug/{name}.png', path, convert))
    folder = 'VOC2012/ImageSets/Segmentation'
    texts = {
        f'{folder}/trainaug.txt': _lines(train),
        f'{folder}/train.txt': _lines(lists['train']),
        f'{folder}/val.txt': _lines(lists['val']),
    }
    return Plan(jobs, dict(dataset='voc'), texts)


def _sbd(source: Source) -> dict[str, str]:
    return stems(source.under('cls', '.mat'), '.mat')


def convert_sbd(content: bytes) -> bytes:
    """SBD's `GTcls.Segmentation` as PNG."""
    record = read_matlab(content, struct_as_record=False, squeeze_me=True).get('GTcls')
    if record is None or not hasattr(record, 'Segmentation'):
        raise UserError('no GTcls.Segmentation in this .mat file; is it from SBD (dataset/cls)?')
    return encode_ids(map_ids(np.asarray(record.Segmentation), _VOC_IDS, None))


# Ids of the 59 classes among the 459 of Pascal Context, in the order of their names.
_CONTEXT = (
    *(2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98),
    *(104, 105, 113, 115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295),
    *(296, 308, 324, 326, 347, 349, 354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440),
    *(445, 454, 458),
)
CONTEXT_IDS = {old: new for new, old in enumerate(_CONTEXT, start=1)}


def plan_context(source: Source) -> Plan:
    """Pascal Context 59: VOC 2010's pictures and lists, `trainval/*.mat` (key `LabelMap`)."""
    images = stems(source.under('VOC2010/JPEGImages', '.jpg'), '.jpg')
    masks = stems(source.under('trainval', '.mat'), '.mat')
    jobs, texts = [], {}
    for split in ('train', 'val'):
        listed = _names(source, f'VOC2010/ImageSets/Main/{split}.txt')
        names = [name for name in listed if name in masks]
        if not names:
            raise UserError(
                f'--source {source.root}: no annotation trainval/*.mat of a picture listed in '
                f'ImageSets/Main/{split}.txt; it holds {source.overview()}'
            )
        _complete(names, images, masks, source)
        for name in names:
            jobs.append(Job(f'VOC2010/JPEGImages/{name}.jpg', images[name]))
            target = f'VOC2010/SegmentationClassContext/{name}.png'
            jobs.append(Job(target, masks[name], convert_context))
        texts[f'VOC2010/ImageSets/SegmentationContext/{split}.txt'] = _lines(names)
    return Plan(jobs, dict(dataset='pascal-context59'), texts)


def convert_context(content: bytes) -> bytes:
    """`LabelMap`, 0 = unlabelled or none of the 59, 1..59 = classes, as PNG."""
    labels = read_matlab(content).get('LabelMap')
    if labels is None:
        raise UserError('no LabelMap in this .mat file; is it from Pascal Context (trainval)?')
    return encode_ids(map_ids(labels.astype(np.int64), CONTEXT_IDS, 0))


def _names(source: Source, ending: str) -> list[str]:
    return [line.split()[0] for line in listed_names(source, source.one(ending))]


def _complete(names: list[str], images: dict, masks: dict, source: Source) -> None:
    for what, files in (('picture', images), ('mask', masks)):
        lost = [name for name in names if name not in files]
        if lost:
            raise UserError(
                f'--source {source.root}: {len(lost)} of {len(names)} listed names have no '
                f'{what}, among them {lost[0]}; is the download complete?'
            )


def _lines(names: list[str]) -> str:
    return ''.join(f'{name}\n' for name in names)
