"""Your own pictures: a folder of pictures, one of masks, a names file."""

from functools import partial
from pathlib import PurePosixPath

from ....errors import UserError
from ..plan import Plan, pairs
from ..sources import Source
from ..writing import Job
from .own_ids import Ids, convert_mask, look_at

_JPEG = ('.jpg', '.jpeg')
_PICTURES = (*_JPEG, '.png', '.bmp', '.webp')


def plan(source: Source, images: str, masks: str, ids: Ids, every: int) -> Plan:
    """Splits into training and validation, and makes 16-bit masks: 0.. = classes, 65535 = ignored.

    Args:
        source: Holds both folders.
        images: Folder of the pictures in it.
        masks: Folder of the masks in it; a mask has its picture's name.
        ids: Class names and what ids mean.
        every: Every so-manieth picture, in the order of names, is for validation.

    Raises:
        UserError: A folder without files, a picture without mask or there in two formats, or
            nothing left for validation.
    """
    if every < 2:
        raise UserError(f'--validation-every must be at least 2, got {every}')
    found = pairs(source, _pictures(source, images), _masks(source, masks), f'{images} and {masks}')
    if len(found) < every:
        raise UserError(
            f'--source {source.root}: {len(found)} pictures, so that none would be for validation; '
            f'give --validation-every {max(len(found), 2)} or less'
        )
    # One suffix for all: a dataset's config names one. JPEGs alone are copied as they are.
    jpeg = all(PurePosixPath(p).suffix.lower() in _JPEG for _, p, _ in found)
    suffix, convert_picture = ('.jpg', None) if jpeg else ('.png', _to_png)
    jobs = []
    convert = partial(convert_mask, ids=ids)
    notes = look_at(source, [mask for _, _, mask in found], ids)
    for place, (name, picture, mask) in enumerate(found):
        split = 'validation' if place % every == every - 1 else 'training'
        stem = name.replace('/', '_')
        jobs.append(Job(f'images/{split}/{stem}{suffix}', picture, convert_picture))
        jobs.append(Job(f'annotations/{split}/{stem}.png', mask, convert))
    settings = dict(
        dataset='folder',
        names=list(ids.names),
        first_id=ids.first_id,
        ignore_ids=sorted(ids.ignore_ids),
        class_ids=list(ids.class_ids),
        validation_every=every,
    )
    return Plan(jobs, settings, {'classes.txt': ''.join(f'{n}\n' for n in ids.names)}, notes)


def _pictures(source: Source, folder: str) -> dict[str, str]:
    pictures: dict[str, str] = {}
    for suffix in _PICTURES:
        more = _by_stem(source.under(folder, suffix))
        twice = sorted(set(pictures) & set(more))
        if twice:
            raise UserError(
                f'{pictures[twice[0]]} and {more[twice[0]]} are one picture in two formats; '
                'remove one of them'
            )
        pictures |= more
    if not pictures:
        raise _nothing_in(source, '--images', folder, f'no pictures ({", ".join(_PICTURES)})')
    return pictures


def _masks(source: Source, folder: str) -> dict[str, str]:
    masks = _by_stem(source.under(folder, '.png'))
    if not masks:
        raise _nothing_in(source, '--masks', folder, 'no masks (.png)')
    return masks


def _nothing_in(source: Source, option: str, folder: str, what: str) -> UserError:
    return UserError(
        f'--source {source.root}: {what} in a folder {folder!r}; name the right one with {option}. '
        f'It holds {source.overview()}'
    )


def _by_stem(files: dict[str, str]) -> dict[str, str]:
    return {str(PurePosixPath(name).with_suffix('')): path for name, path in files.items()}


def _to_png(content: bytes) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(content)) as picture:
        picture.convert('RGB').save(buffer, format='PNG')
    return buffer.getvalue()
