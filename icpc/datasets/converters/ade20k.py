"""ADE20K, 150 classes: ADEChallengeData2016 as it is downloaded."""

from ...errors import UserError
from ..mask_reading import decode_labels
from .plan import Plan, pairs, stems
from .sources import Source
from .writing import Job


def plan(source: Source) -> Plan:
    """Copies the two splits; 0 = unlabelled, 1..150 = classes stay as they are."""
    if any(path.endswith('_seg.png') for path in source.paths()):
        raise UserError(
            f'--source {source.root} is the full ADE20K (RGB masks *_seg.png, thousands of '
            'classes); the 150 classes are ADEChallengeData2016.zip; for the '
            'full one use ade20k-full'
        )
    jobs = []
    for split in ('training', 'validation'):
        images = stems(source.under(f'images/{split}', '.jpg'), '.jpg')
        masks = stems(source.under(f'annotations/{split}', '.png'), '.png')
        for name, image, mask in pairs(source, images, masks, split):
            jobs.append(Job(f'images/{split}/{name}.jpg', image))
            jobs.append(Job(f'annotations/{split}/{name}.png', mask, check_mask))
    return Plan(jobs, dict(dataset='ade20k'))


def check_mask(content: bytes) -> bytes:
    """The mask unchanged.

    Raises:
        UserError: When it has other ids than 0..150.
    """
    ids = decode_labels(content)
    if ids.max() > 150:
        raise UserError(f'label id {ids.max()}, the 150-class edition has 0..150')
    return content
