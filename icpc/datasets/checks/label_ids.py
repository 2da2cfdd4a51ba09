"""How a dataset reads the ids in its masks, and what strange ids tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from mmcv.transforms import LoadAnnotations as MMCVLoadAnnotations
from mmseg.datasets.transforms import LoadAnnotations
from torch.utils.data import Dataset

from ...class_lookup import class_indices
from ...startup.program import name_of

_COCO_HIGHEST = 182


def names_in_files(dataset: Dataset) -> list[str]:
    """All classes of a BaseSegDataset in the order of their ids in its mask files.

    `metainfo['classes']` may be some of them, in another order.
    """
    own = getattr(dataset, 'all_classes', None) or type(dataset).METAINFO.get('classes')
    return [str(name).strip() for name in own or dataset.metainfo['classes']]


def ids_in_files(dataset: Dataset) -> np.ndarray:
    """(K,) ids that the K classes of `metainfo['classes']` have in the mask files."""
    names = names_in_files(dataset)
    places = class_indices(dataset.metainfo['classes'], names, 'metainfo.classes')
    return np.array(places) + int(dataset.reduce_zero_label)


@dataclass(frozen=True)
class LabelScheme:
    """Which ids masks may hold.

    Attributes:
        names: Classes in the order of their ids in the files.
        first: Id of the first class in the files: 1 with reduce_zero_label, else 0.
        ignored: Ids that do not count.
        cuts_to_8_bit: Whether masks are read with MMSegmentation's LoadAnnotations.
        left_out: Ids of the classes that were not chosen, which do not count either.
    """

    names: tuple[str, ...]
    first: int
    ignored: frozenset[int]
    cuts_to_8_bit: bool
    left_out: frozenset[int] = frozenset()

    @classmethod
    def of(cls, dataset: Dataset) -> LabelScheme:
        """The scheme of a BaseSegDataset and its pipeline."""
        names = tuple(names_in_files(dataset))
        reduced = bool(dataset.reduce_zero_label)
        steps = getattr(dataset.pipeline, 'transforms', ())
        loaders = [step for step in steps if isinstance(step, MMCVLoadAnnotations)]
        # MMSegmentation's reader turns both 0 and 255 into 255 when it reduces.
        ignored = {0, 255} if reduced else {dataset.ignore_index}
        return cls(
            names,
            int(reduced),
            frozenset(ignored),
            any(isinstance(step, LoadAnnotations) for step in loaders),
            frozenset(range(int(reduced), len(names) + int(reduced)))
            - set(ids_in_files(dataset).tolist()),
        )

    @property
    def last(self) -> int:
        """Id of the last class in the files."""
        return self.first + len(self.names) - 1

    def problem(self, ids: Counter[int]) -> str:
        """What is wrong with the ids of a mask; empty if nothing."""
        strange = sorted(
            i for i in ids if i not in self.ignored and not self.first <= i <= self.last
        )
        if not strange:
            return ''
        return (
            f'label id {strange[-1]}, but {len(self.names)} classes are {self.first}..{self.last} '
            f'and {_listed(self.ignored)} ignored: {self.cause(strange)}'
        )

    def cause(self, strange: list[int]) -> str:
        """What ids in the files that are no class's probably are.

        Args:
            strange: Sorted, at least one.
        """
        if self.first == 0 and strange == [self.last + 1]:
            void = f'if {strange[0]} means void, write {max(self.ignored)} into the masks instead'
            if not self.cuts_to_8_bit:  # such a reader takes ids as they are
                return f'{void}; if it is a class, the list of names lacks its name'
            return (
                f'{void}; or 0 is void and ids count from 1; set reduce_zero_label=True on the '
                'dataset (or the list of names lacks a class)'
            )
        if strange == [255]:
            return '255 is no class; set ignore_index=255 on the dataset if it means unlabelled'
        if len(self.names) == 171 and strange[-1] <= _COCO_HIGHEST:
            return f'raw COCO-Stuff ids; convert them with {name_of("prepare-data")}'
        if len(self.names) == 19 and strange[-1] <= 33:
            return 'Cityscapes labelIds instead of trainIds; convert them with ' + name_of(
                'prepare-data'
            )
        return 'another edition of the dataset, or masks that were not converted to class ids'

    def labelled(self, ids: Counter[int]) -> bool:
        """Whether any pixel counts."""
        return any(i not in self.ignored | self.left_out for i in ids)

    def meaning(self, label: int) -> str:
        """What an id in the files stands for, in a word or two."""
        if label in self.ignored:
            return 'ignored'
        if not self.first <= label <= self.last:
            return 'NO CLASS'
        name = self.names[label - self.first]
        return f'{name} (not chosen)' if label in self.left_out else name

    def nothing_labelled(self) -> str:
        """The message for masks in which no pixel counts."""
        if self.left_out:
            return 'none of the chosen classes is in the masks; choose others with classes=[...]'
        advice = 'is reduce_zero_label=True right?' if self.first else 'are these the right masks?'
        return f'every pixel of the masks is {_listed(self.ignored)} ignored; {advice}'

    def notes(self, ids: Counter[int], complete: bool) -> list[str]:
        """What is odd but may be meant.

        Args:
            ids: Pixels of each id over a split.
            complete: Whether all of the split was looked at.
        """
        notes = []
        total = sum(ids.values())
        if len(self.names) + self.first > 255 and 255 in self.ignored:
            notes.append(
                f'id 255 is the class {self.names[255 - self.first]!r}, but it is ignored; set '
                'ignore_index=65535'
            )
        whole = not self.left_out
        if whole and self.first and total and ids[0] > 0.25 * total and not ids[self.last]:
            notes.append(
                f'reduce_zero_label=True ignores id 0, {ids[0] / total:.0%} of all pixels, and the '
                f'last class, {self.names[-1]!r}, never occurs: do ids count from 0? Then set '
                'reduce_zero_label=False'
            )
        absent = [
            name
            for i, name in enumerate(self.names, self.first)
            if not ids[i] and i not in self.left_out
        ]
        if complete and absent and total:
            more = ', ...' if len(absent) > 8 else ''
            notes.append(f'{len(absent)} classes never occur: {", ".join(absent[:8])}{more}')
        return notes


def _listed(ids: frozenset[int]) -> str:
    return ' and '.join(str(i) for i in sorted(ids)) + (' is' if len(ids) == 1 else ' are')
