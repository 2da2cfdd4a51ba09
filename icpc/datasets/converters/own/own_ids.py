"""What the ids of your own masks mean: the classes, void, or a question."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from ....errors import UserError
from ...mask_reading import decode_labels
from ..masks import UNLABELLED, encode_ids
from ..sources import Source
from ..writing import convert_content
from .own_colours import Colours, decode_colours

_AT_ONCE = 64  # masks that are in memory together


@dataclass(frozen=True)
class Ids:
    """The meaning of ids.

    Attributes:
        names: Class names.
        first_id: Id of the first of them; smaller ids are void.
        ignore_ids: Further ids that are void. 255 and 65535 are, unless they are a class's.
        class_ids: The id of each name, in their order; empty where they count from `first_id`.
        colours: What the colours of coloured masks are.

    Raises:
        UserError: An id that would be two things, or a list that does not fit the names.
    """

    names: tuple[str, ...]
    first_id: int = 0
    ignore_ids: tuple[int, ...] = ()
    class_ids: tuple[int, ...] = ()
    colours: Colours | None = None

    def __post_init__(self) -> None:
        if self.class_ids and self.first_id:
            raise UserError('give --class-ids or --first-id, not both: they say the same')
        if self.class_ids and len(self.class_ids) != len(self.names):
            raise UserError(
                f'--class-ids has {len(self.class_ids)} ids, --names {len(self.names)} names; '
                'give the id of each name, in their order'
            )
        if len(set(self.class_ids)) < len(self.class_ids):
            raise UserError('--class-ids: an id comes twice; each class has its own')
        options = {
            '--first-id': (self.first_id,),
            '--ignore-id': self.ignore_ids,
            '--class-ids': self.class_ids,
        }
        for option, ids in options.items():
            if any(not 0 <= i <= UNLABELLED for i in ids):
                raise UserError(f'{option}: ids of masks are 0..{UNLABELLED}, got {list(ids)}')
        both = sorted(set(self.ignore_ids) & set(self.places))
        if both:
            name = self.names[self.places[both[0]]]
            shift = ', or --first-id 1 where they count from 1' if both[0] == 0 else ''
            raise UserError(
                f'--ignore-id {both[0]}: that is the id of the class {name!r}. If it is void and '
                f'no class, take the name out of --names and say which ids the others have '
                f'(--class-ids{shift}); to leave the class out, prepare it '
                'without --ignore-id and choose the others with classes=[...] in the config'
            )

    @property
    def places(self) -> dict[int, int]:
        """Id in your masks -> id in ours, for the classes."""
        ids = self.class_ids or range(self.first_id, self.first_id + len(self.names))
        return {old: new for new, old in enumerate(ids)}

    def is_void(self, label: int) -> bool:
        """Whether an id does not count."""
        if label in self.places:
            return False
        below = not self.class_ids and label < self.first_id
        return below or label in (255, UNLABELLED) or label in self.ignore_ids


def convert_mask(content: bytes, ids: Ids) -> bytes:
    """A mask as 16-bit PNG: 0.. = classes, 65535 = void.

    Raises:
        UserError: For an id that no class has.
    """
    labels = _labels(content, ids)
    found, inverse = np.unique(labels, return_inverse=True)
    _refuse_strange(found.tolist(), ids, set(found.tolist()))
    new = np.array([ids.places.get(int(i), UNLABELLED) for i in found], dtype=np.uint16)
    return encode_ids(new[inverse.reshape(labels.shape)])


def look_at(source: Source, masks: Sequence[str], ids: Ids) -> list[str]:
    """Read all masks before anything is written; returns what is worth saying.

    Args:
        source: Holds the masks.
        masks: Their paths.
        ids: What ids mean.

    Raises:
        UserError: A mask that cannot be read, ids without a name, or 255 where it might be the
            second class as well as void.
    """
    holders: dict[int, list[str]] = {}
    for path, found in _all_ids(source, masks, ids):
        for label in found:
            holders.setdefault(label, []).append(path)
    strange = [i for i in sorted(holders) if i not in ids.places and not ids.is_void(i)]
    if strange:
        path, count = holders[strange[0]][0], len({p for i in strange for p in holders[i]})
        try:
            _refuse_strange(strange, ids, set(holders))
        except UserError as error:
            raise UserError(f'{path}: {error} ({count} of {len(masks)} masks)') from error
    used = [i for i in holders if i in ids.places]
    if 255 in holders and 255 not in (*ids.places, *ids.ignore_ids) and len(used) <= 1:
        _ask_about_255(holders[255][0], used, ids)
    notes = []
    absent = [name for name, i in zip(ids.names, ids.places, strict=True) if i not in holders]
    if absent:
        more = f', ... ({len(absent)} names)' if len(absent) > 5 else ''
        notes.append(f'no mask holds the class {", ".join(absent[:5])}{more}')
    void = sorted(i for i in holders if ids.is_void(i))
    if void:
        notes.append(f'void, which is not trained: id {", ".join(map(str, void))}')
    return notes


def _refuse_strange(found: Sequence[int], ids: Ids, seen: set[int]) -> None:
    """Raise for ids that are neither a class's nor void; what they may mean is asked."""
    strange = [i for i in found if i not in ids.places and not ids.is_void(i)]
    if not strange:
        return
    count = len(ids.names)
    listed = ' '.join(map(str, strange[:8]))
    known = f'{min(ids.places)}..{max(ids.places)}' if not ids.class_ids else str(ids.class_ids)
    advice = [f'if that is void (unlabelled), give --ignore-id {listed}']
    if not ids.class_ids and ids.first_id == 0 and strange == [count]:
        advice.append(
            f'if 0 is void instead and the classes count from 1, so that 1 is {ids.names[0]!r}, '
            'give --first-id 1'
        )
    elif len(seen) == count:
        listed = ' '.join(map(str, sorted(seen)))
        advice.append(f'if these are the ids of the names, give --class-ids {listed}')
    else:
        advice.append('if it is a class, --names lacks its name, or give --class-ids')
    more = f' (and {", ".join(map(str, strange[1:8]))})' if len(strange) > 1 else ''
    raise UserError(
        f'label id {strange[0]}{more}, but there are {count} names ({known}); {"; ".join(advice)}'
    )


def _ask_about_255(path: str, used: list[int], ids: Ids) -> None:
    other = used[0] if used else 0
    if len(ids.names) == 2:
        way = f'if it is the class {ids.names[1]!r}, give --class-ids {other} 255'
    elif len(ids.names) == 1:
        way = f'if it is a class, write two names in --names and give --class-ids {other} 255'
    else:
        way = 'if it is a class, give --class-ids, the id of each name in their order'
    raise UserError(
        f'{path}: the masks hold {" and ".join(map(str, [*used, 255]))} alone; is 255 a class or '
        f'void? {way}; if it is void, give --ignore-id 255'
    )


def _all_ids(source: Source, masks: Sequence[str], ids: Ids) -> Iterator[tuple[str, list[int]]]:
    from rich.progress import track

    starts = range(0, len(masks), _AT_ONCE)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in track(starts, 'looking at the masks', disable=len(starts) < 4):
            paths = masks[start : start + _AT_ONCE]
            contents = [source.read(path) for path in paths]
            found = pool.map(partial(_ids_in, ids), paths, contents)
            yield from zip(paths, found, strict=True)


def _ids_in(ids: Ids, path: str, content: bytes) -> list[int]:
    return convert_content(path, content, lambda mask: np.unique(_labels(mask, ids)).tolist())


def _labels(content: bytes, ids: Ids) -> np.ndarray:
    """(H, W) ids of a mask, coloured or not."""
    places = decode_colours(content, ids.colours)
    if places is None:
        return decode_labels(content)
    # Index -1, of void, is the last.
    return np.array([*ids.places, UNLABELLED])[places]
