"""Your own pictures: a folder of pictures, one of masks, a names file."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from ....errors import UserError
from ..plan import Plan, pairs
from ..source_pictures import to_png
from ..sources import Source
from ..writing import Job
from .own_ids import Ids, convert_mask, look_at
from .own_pairs import MASKS, PICTURES, by_stem, checked_rule, mask_rule, named, unnamed
from .own_pictures import look_at_pictures
from .own_splits import Key, by_name, films, in_splits, listed

_JPEG = ('.jpg', '.jpeg')


@dataclass(frozen=True)
class Asked:
    """What the command line says about the files.

    Attributes:
        images: Folder of the pictures in the source.
        masks: Folder of the masks in it.
        every: One picture of so many is for validation, where the source has no split.
        image_name: What a picture's file is called, `{}` being what it shares with its mask.
        mask_name: The same of a mask; None finds it.
        keep_split: Whether folders or lists named train, val, test are kept as the split.
    """

    images: str = 'images'
    masks: str = 'masks'
    every: int = 10
    image_name: str = '{}'
    mask_name: str | None = None
    keep_split: bool = True


def plan(source: Source, asked: Asked, ids: Ids) -> Plan:
    """Splits the pictures, and makes 16-bit masks: 0.. = classes, 65535 = ignored.

    All masks and pictures are looked at first, so that a wrong one writes nothing.

    Args:
        source: Holds both folders.
        asked: Which files, and how they become splits.
        ids: Class names and what ids mean.

    Raises:
        UserError: A folder without files or that is there several times, names that do not fit,
            a split that cannot be told, or nothing left for training or validation.
    """
    if asked.every < 2:
        raise UserError(f'--validation-every must be at least 2, got {asked.every}')
    found, notes = _pairs(source, asked)
    found, more = _split(source, asked, found)
    notes += more + look_at(source, [mask for _, mask in found.values()], ids)
    marks = look_at_pictures(source, found)
    # One suffix for all: a dataset's config names one. JPEGs alone are copied as they are.
    jpeg = all(PurePosixPath(p).suffix.lower() in _JPEG for p, _ in found.values())
    suffix, convert_picture = ('.jpg', None) if jpeg else ('.png', to_png)
    if not jpeg:
        notes.append('not all pictures are JPEG, so that all become .png: set picture_suffix=.png')
    jobs, shown = [], {}
    convert = partial(convert_mask, ids=ids)
    for (split, name), (picture, mask) in found.items():
        stem = name.replace('/', '_')
        target = f'images/{split}/{stem}{suffix}'
        shown[target] = marks[split, name]
        jobs.append(Job(target, picture, convert_picture))
        jobs.append(Job(f'annotations/{split}/{stem}.png', mask, convert))
    settings = dict(
        dataset='folder',
        names=list(ids.names),
        first_id=ids.first_id,
        ignore_ids=sorted(ids.ignore_ids),
        class_ids=list(ids.class_ids),
        validation_every=asked.every,
        keep_split=asked.keep_split,
        palette=[list(c) for c in (*ids.colours.classes, *ids.colours.void)] if ids.colours else [],
    )
    texts = {'classes.txt': ''.join(f'{name}\n' for name in ids.names)}
    if ids.colours:
        texts['palette.txt'] = ''.join('{} {} {}\n'.format(*c) for c in ids.colours.classes)
    return Plan(jobs, settings, texts, notes, shown)


def _pairs(source: Source, asked: Asked) -> tuple[dict[Key, tuple[str, str]], list[str]]:
    """(split or '', name) -> picture, mask; and notes."""
    where = f'{asked.images} and {asked.masks}'
    keep = asked.keep_split
    suffixes = PICTURES
    if asked.images == asked.masks:  # x.jpg and x.png in one folder: what is no JPEG is a mask
        suffixes, where = _JPEG, asked.images
    pictures, left = by_stem(in_splits(source, '--images', asked.images, keep), suffixes)
    masks, left_of_masks = by_stem(in_splits(source, '--masks', asked.masks, keep), MASKS)
    if not pictures:
        raise _nothing_in(source, '--images', asked.images, 'pictures', suffixes, left)
    if not masks:
        raise _nothing_in(source, '--masks', asked.masks, 'masks', MASKS, left_of_masks)
    notes = []
    pictures = _shared(pictures, checked_rule(asked.image_name, '--image-name'), notes)
    splits, of_masks = {split for split, _ in pictures}, {split for split, _ in masks}
    if 'test' in splits - of_masks:
        count = sum(split == 'test' for split, _ in pictures)
        notes.append(f'left alone: {count} pictures of test, which have no masks')
        pictures = {key: path for key, path in pictures.items() if key[0] != 'test'}
        splits = splits - {'test'}
    if splits != of_masks:
        told = [', '.join(filter(None, sorted(s))) or 'none' for s in (splits, of_masks)]
        raise UserError(
            f'--source {source.root}: {asked.images} has the splits {told[0]}, {asked.masks} '
            f'{told[1]}; give masks the same folders as pictures, or name one folder of each with '
            '--images and --masks'
        )
    rule = checked_rule(asked.mask_name or mask_rule(pictures, masks), '--mask-name')
    masks = _shared(masks, rule, notes)
    advice = (
        f"a mask has its picture's name (here {named(rule, ('', 'x'))[1]} for x; --mask-name "
        'tells another); add what lacks or take the others away'
    )
    if left and asked.images != asked.masks:
        advice += f' (not read as pictures: {left})'
        notes.append(f'left alone in {asked.images}: {left}')
    found = {}
    for split in sorted(splits):
        chosen = [
            {name: path for (place, name), path in files.items() if place == split}
            for files in (pictures, masks)
        ]
        what = f'{where}{split and f", {split},"}'
        for name, picture, mask in pairs(source, *chosen, what, advice):
            found[split, name] = picture, mask
    return found, notes


def _split(
    source: Source, asked: Asked, found: dict[Key, tuple[str, str]]
) -> tuple[dict[Key, tuple[str, str]], list[str]]:
    """The same with every split known: kept where folders or lists tell it, else made by names."""
    notes, place, told = [], {key: key[0] for key in found}, 'folders'
    if not any(place.values()) and asked.keep_split:
        names, lists = listed(source, [name for _, name in found])
        if lists:
            told = ', '.join(lists)
            lost = [name for _, name in found if name not in names]
            if lost:
                notes.append(f'left alone: {len(lost)} pictures in no list, among them {lost[0]}')
            place = {key: names[key[1]] for key in found if key[1] in names}
    splits = set(place.values())
    if splits - {''} and 'training' not in splits:
        raise UserError(
            f'--source {source.root}: the split by {told} has {", ".join(sorted(splits))}, but no '
            'train; add it, or make a split by names with --split by-name'
        )
    kept = splits - {''}
    if not splits & {'validation'}:
        # What trains, or all, is divided; a test split stays out of it.
        divided = [key for key, split in place.items() if split in ('', 'training')]
        new = by_name([name for _, name in divided], asked.every, source.root)
        place |= {key: new[key[1]] for key in divided}
        how = f'of train, as there is no val beside {", ".join(sorted(kept))}, ' if kept else ''
        notes.append(f'the validation is made {how}by a hash of the names')
        notes += filter(None, [films(name for _, name in divided)])
    if kept:
        notes.append(f'the split of the source is kept, as its {told} tell')
    counts = Counter(place.values())
    notes.append(', '.join(f'{split}: {count} pictures' for split, count in sorted(counts.items())))
    return {(split, key[1]): found[key] for key, split in place.items()}, notes


def _shared(files: dict[Key, str], rule: str, notes: list[str]) -> dict[Key, str]:
    """The files that fit a rule, by what they share with their partners."""
    keys = {key: unnamed(rule, key) for key in files}
    others = [files[key] for key, new in keys.items() if new is None]
    if others:
        notes.append(f'left alone: {len(others)} files not named {rule}, such as {others[0]}')
    return {new: files[key] for key, new in keys.items() if new is not None}


def _nothing_in(
    source: Source, option: str, folder: str, what: str, suffixes: tuple[str, ...], left: str
) -> UserError:
    there = f' (there are {left})' if left else ''
    lossy = what == 'masks' and any(suffix in left.lower() for suffix in _JPEG)
    advice = (
        'JPEG changes ids, so that they cannot serve as masks: save them as .png'
        if lossy
        else f'name the right one with {option}. It holds {source.overview()}'
    )
    return UserError(
        f'--source {source.root}: no {what} ({", ".join(suffixes)}) in a folder {folder!r}{there}; '
        f'{advice}'
    )
