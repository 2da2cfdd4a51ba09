"""Cityscapes, 19 classes, from leftImg8bit and gtFine."""

from functools import partial

from .masks import convert_mask
from .plan import Plan, pairs, stems
from .sources import Source
from .writing import Job

# cityscapesScripts, helpers/labels.py: labelId -> trainId; all others are ignored.
_EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
IDS = {**dict.fromkeys(range(34), 255), **{old: new for new, old in enumerate(_EVALUATED)}}


def plan(source: Source) -> Plan:
    """leftImg8bit_trainvaltest and gtFine_trainvaltest, zipped or not; train and val."""
    jobs = []
    picture, labels = '_leftImg8bit.png', '_gtFine_labelIds.png'
    for split in ('train', 'val'):
        images = stems(source.under(f'leftImg8bit/{split}', picture.lower()), picture)
        masks = stems(source.under(f'gtFine/{split}', labels.lower()), labels)
        for name, image, mask in pairs(source, images, masks, split):
            jobs.append(Job(f'leftImg8bit/{split}/{name}{picture}', image))
            target = f'gtFine/{split}/{name}_gtFine_labelTrainIds.png'
            jobs.append(Job(target, mask, partial(convert_mask, table=IDS, other=255)))
    return Plan(jobs, dict(dataset='cityscapes'))
