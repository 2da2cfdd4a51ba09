"""Datasets of 16-bit masks whose classes stand in a names file: your own, and ADE20K-Full."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..class_lookup import class_indices
from ..errors import UserError
from ..names_file import read_lines, read_names, refuse_repeated

NAMES_FILE = 'classes.txt'
PALETTE_FILE = 'palette.txt'


@DATASETS.register_module()
class FolderDataset(BaseSegDataset):
    """Pictures and masks in the layout that `tools/prepare_data.py folder` writes.

    Masks hold 0-based ids, read with `LoadWideAnnotations`; 65535 is ignored. What the ids mean
    stands in a names file beside the masks. `metainfo['classes']`, which the config's `classes`
    fills in, chooses among these names: ids become places in that list, all others are ignored.

    Args:
        img_suffix: The suffix of the pictures; `.png` where not all of them were JPEG.
        seg_map_suffix: The suffix of the masks.
        ignore_index: Id that does not count.
        all_classes: The names of ids 0, 1, ... in the masks, or a file of them, one a line, as an
            absolute path or one below `data_root`.
        metainfo: `classes`, all by default, and `palette`, one colour for each of `all_classes`;
            without it `palette.txt` in `data_root`, a colour a line, or else random colours.
        data_root: Folder of the data set.
        **kwargs: As for BaseSegDataset, which raises on an unknown one.

    Raises:
        UserError: No names file, a chosen class that it lacks, or a class whose id is ignored.
    """

    METAINFO = dict()

    def __init__(
        self,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        ignore_index: int = 65535,
        all_classes: str | Sequence[str] = NAMES_FILE,
        metainfo: dict[str, Any] | None = None,
        data_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(all_classes, str):
            path = Path(data_root or '') / all_classes
            all_classes = read_names(path, f'{path}, which says what the ids of the masks mean')
        self.all_classes = [str(name).strip() for name in all_classes]
        refuse_repeated(self.all_classes, 'all_classes')
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            ignore_index=ignore_index,
            reduce_zero_label=False,
            metainfo={'classes': self.all_classes, **(metainfo or {})},
            data_root=data_root,
            **kwargs,
        )

    def get_label_map(self, new_classes: Sequence[str]) -> dict[int, int] | None:
        """Id in the masks -> place in the chosen list, or `ignore_index`; None where all is equal.

        Args:
            new_classes: The chosen names.
        """
        places = class_indices(new_classes, self.all_classes, 'metainfo.classes')
        if places == list(range(len(self.all_classes))):
            return None
        if self.ignore_index < len(self.all_classes):
            name = self.all_classes[self.ignore_index]
            raise UserError(
                f'{self.data_root}: ignore_index={self.ignore_index} is the id of the class '
                f'{name!r}; to choose among {len(self.all_classes)} classes set ignore_index=65535'
            )
        label_map = dict.fromkeys(range(len(self.all_classes)), self.ignore_index)
        return label_map | {old: new for new, old in enumerate(places)}

    def _update_palette(self) -> list:
        """A colour for each chosen class: that which it has where all are chosen."""
        palette, where = self._metainfo.get('palette'), 'metainfo.palette'
        file = Path(self.data_root or '') / PALETTE_FILE
        if not palette and file.is_file():
            palette, where = _read_palette(file), str(file)
        palette = palette or _palette(len(self.all_classes))
        if len(palette) != len(self.all_classes):
            raise UserError(
                f'{where} has {len(palette)} colours; give one for each of the '
                f'{len(self.all_classes)} classes of {self.data_root}, in the order of the ids'
            )
        chosen = class_indices(self._metainfo['classes'], self.all_classes, 'metainfo.classes')
        return [palette[place] for place in chosen]


def _read_palette(path: Path) -> list[list[int]]:
    """The colours of a file that `tools/prepare_data.py folder --palette` wrote."""
    try:
        lines = [line for line in read_lines(path, str(path)) if line.strip()]
        rows = [[int(value) for value in line.split()] for line in lines]
    except ValueError:
        rows = [[]]
    if any(len(row) != 3 or not all(0 <= value <= 255 for value in row) for row in rows):
        raise UserError(f'{path}: write one colour a line, as `R G B` of 0..255')
    return rows


def _palette(count: int) -> list[list[int]]:
    """MMSegmentation's random colours of that many classes."""
    return np.random.RandomState(42).randint(0, 255, size=(count, 3)).tolist()


@DATASETS.register_module()
class ADE20KFullDataset(FolderDataset):
    """ADE20K-Full, 847 classes, as `tools/prepare_data.py ade20k-full` writes it."""
