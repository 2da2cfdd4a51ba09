"""Which of your pictures train, validate and test: your own split, or one by their names."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from ....errors import UserError
from ..sources import Source, listed_names

Key = tuple[str, str]  # (split or '', path without suffix)
_WORDS = {
    **dict.fromkeys(('train', 'training', 'trn'), 'training'),
    **dict.fromkeys(('val', 'valid', 'validation', 'validate'), 'validation'),
    **dict.fromkeys(('test', 'testing', 'tst'), 'test'),
}
_CHOOSE = 'choose one, such as {option} ./{first} (./ is the root of the source)'


def in_splits(source: Source, option: str, folder: str, keep: bool) -> dict[Key, str]:
    """(split, path below the folder) -> whole path; the split is '' where folders tell none.

    Both `train/images` and `images/train` are understood.

    Args:
        source: Holds the folder.
        option: Which option named it, for messages.
        folder: Its name, as `Source.folders` takes it.
        keep: Whether folders above or below it are splits.

    Raises:
        UserError: Several folders of that name that are no splits, or splits beside other folders.
    """
    found = source.folders(folder)
    if len(found) > 1:
        splits = {
            root: _split(PurePosixPath(root[: -len(PurePosixPath(folder).as_posix())]).name)
            for root in found
        }
        if not keep or not all(splits.values()) or len(set(splits.values())) < len(found):
            roots = sorted(found)
            raise UserError(
                f'--source {source.root} has {len(found)} folders {folder}: '
                f'{", ".join(roots[:8])}; {_CHOOSE.format(option=option, first=roots[0])}'
            )
        return {
            (splits[root], name): path
            for root, files in found.items()
            for name, path in files.items()
        }
    ((root, files),) = found.items() or (('', {}),)
    first = {name.partition('/')[0] if '/' in name else '' for name in files}
    splits = {part: _split(part) for part in first}
    if not keep or not any(splits.values()):
        return {('', name): path for name, path in files.items()}
    known = sorted(part for part in first if splits[part])
    others = sorted(part or 'files in no folder' for part in first if not splits[part])
    if others or len({splits[part] for part in known}) < len(known):
        raise UserError(
            f'--source {source.root}: {root} holds {", ".join(known + others)}, of which a split '
            f'cannot be told; {_CHOOSE.format(option=option, first=f"{root}/{known[0]}")}, or make '
            'a split by names with --split by-name'
        )
    return {
        (splits[name.partition('/')[0]], name.partition('/')[2]): path
        for name, path in files.items()
    }


def listed(source: Source, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Name -> split by the source's lists train.txt, val.txt, test.txt; and those lists.

    Args:
        source: May hold lists; a line is a picture's name, with or without folder and suffix.
        names: Paths of the pictures below their folder, without suffix.

    Raises:
        UserError: Two lists of one split, or a line that is none or several of the pictures.
    """
    lists: dict[str, str] = {}
    for path in source.paths():
        pure = PurePosixPath(path)
        split = _split(pure.stem) if pure.suffix.lower() in ('.txt', '.lst') else None
        if split and split in lists:
            raise UserError(
                f'--source {source.root}: {lists[split]} and {path} are two lists of one split; '
                'remove one, or make a split by names with --split by-name'
            )
        if split:
            lists[split] = path
    by_ending: dict[str, set[str]] = defaultdict(set)
    for name in names:
        parts = name.split('/')
        for start in range(len(parts)):
            by_ending['/'.join(parts[start:])].add(name)
    place: dict[str, str] = {}
    for split, path in lists.items():
        for name in listed_names(source, path):
            found = _find(unicodedata.normalize('NFC', name), by_ending)
            if len(found) != 1:
                what = 'no picture with a mask' if not found else f'{len(found)} pictures'
                raise UserError(
                    f'{path}: {name!r} is the name of {what}; if this is no list of pictures, '
                    'give --split by-name'
                )
            if place.setdefault(found[0], split) != split:
                raise UserError(
                    f'{path}: {name!r} is in {lists[place[found[0]]]} too; a picture belongs to '
                    'one split'
                )
    return place, sorted(lists.values())


def by_name(names: Iterable[str], every: int, root: object) -> dict[str, str]:
    """Name -> training or validation, by a hash of it: another picture changes no other's split.

    Args:
        names: Paths of the pictures without suffix.
        every: One picture of so many is for validation, about.
        root: The source, for messages.

    Raises:
        UserError: When one of the two would be empty.
    """
    places = {name: _fraction(name) for name in names}
    split = {name: 'validation' if p < 1 / every else 'training' for name, p in places.items()}
    lacking = {'training', 'validation'} - set(split.values())
    if lacking:
        good = [k for k in range(2, 1001) if min(places.values()) < 1 / k <= max(places.values())]
        nearest = min(good, key=lambda k: abs(k - every), default=None)
        way = f'give --validation-every {nearest}' if nearest else 'add pictures'
        raise UserError(
            f'--source {root}: {len(places)} pictures, so that none would be for '
            f'{min(lacking)}; {way}, or put them into folders train and val'
        )
    return split


def films(names: Iterable[str]) -> str | None:
    """A warning where numbers in the names count on, as those of a film's frames do."""
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for name in names:
        match = re.fullmatch(r'(.*?)(\d+)(\D*)', name)
        if match:
            numbers[match[1], match[3]].add(int(match[2]))
    around, found = max(numbers.items(), key=lambda item: len(item[1]), default=(('', ''), set()))
    if sum(number + 1 in found for number in found) < 2:
        return None
    first = f'{min(found)}'.join(around)
    return (
        f'the numbers in the names ({first}, ...) count on: if they are frames of a film, a '
        'picture of validation has near duplicates in training and scores are too good; '
        'then make the split yourself, with folders train and val or lists train.txt and val.txt'
    )


def _split(word: str) -> str | None:
    return _WORDS.get(word.lower())


def _fraction(name: str) -> float:
    """A number in (0, 1) that the name alone decides."""
    return (int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], 'big') + 0.5) / 2**48


def _find(name: str, by_ending: dict[str, set[str]]) -> list[str]:
    """The pictures that a line may mean: its longest ending that is a picture's decides."""
    for text in (name, str(PurePosixPath(name).with_suffix(''))):
        parts = PurePosixPath(text).parts
        for start in range(len(parts)):
            found = by_ending.get('/'.join(parts[start:]))
            if found:
                return sorted(found)
    return []
