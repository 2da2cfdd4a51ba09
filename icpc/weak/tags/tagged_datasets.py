"""Data sets whose pictures carry tags; their masks, where there are any, are for scoring alone."""

from collections.abc import Sequence
from pathlib import Path

from mmseg.datasets import BaseSegDataset, PascalVOCDataset
from mmseg.registry import DATASETS

from ...datasets.folder import FolderDataset
from ...datasets.scenes.dataset import ScenesDataset
from ...datasets.scenes.scene_classes import CLASSES, PALETTE, THINGS
from ...errors import UserError
from .coco_classes import COCO_CLASSES
from .tag_files import TagFile

BACKGROUND = 'background'  # class 0 of all these data sets; no tag
META_KEYS = ('tags',)  # what PackSegInputs packs besides its own


class Tagged(BaseSegDataset):
    """A data set whose results hold ``tags``, (K,) zeros and ones, float32, of classes 1 .. K.

    Class 0 is the background. Without ``seg_map_path`` in ``data_prefix`` no mask is read, and
    none has to be there.

    Args:
        tags: a file of tags (:class:`TagFile`), as a path of its own or below ``data_root``; None
            for pictures without tags.
        **kwargs: as for the data set itself.

    Raises:
        UserError: bad tags, or a picture without any.
    """

    def __init__(self, tags: str | None, **kwargs: object) -> None:
        self.tags = tags
        super().__init__(**kwargs)

    def name_of(self, picture: dict) -> str:
        """The name of a picture as its tags call it: below the folder, without suffix."""
        path = Path(picture['img_path']).relative_to(self.data_prefix['img_path'])
        return path.as_posix().removesuffix(self.img_suffix)

    def load_data_list(self) -> list[dict]:
        """The split's pictures with their tags."""
        pictures = super().load_data_list()
        if self.tags is None:
            return pictures
        names = [self.name_of(picture) for picture in pictures]
        vectors = TagFile(tag_path(self.tags, self.data_root)).vectors(
            names, self.metainfo['classes'][1:]
        )
        for picture, name in zip(pictures, names, strict=True):
            picture['tags'] = vectors[name]
        return pictures


def tag_path(tags: str, data_root: str | None) -> Path:
    """Where a file of tags stands: as it is named, or below ``data_root``."""
    below = Path(data_root or '') / tags
    return below if below.is_file() and not Path(tags).is_file() else Path(tags)


@DATASETS.register_module()
class TaggedVOCDataset(Tagged, PascalVOCDataset):
    """Pascal VOC 2012 with tags: 20 classes and the background."""


@DATASETS.register_module()
class TaggedFolderDataset(Tagged, FolderDataset):
    """An own folder with tags. The first of its classes is the background."""


@DATASETS.register_module()
class TaggedCOCODataset(Tagged):
    """COCO 2014 with tags: 80 classes and the background.

    Args:
        img_suffix: the suffix of the pictures.
        seg_map_suffix: the suffix of the masks, which hold 0 for the background and 1 .. 80.
        **kwargs: as for :class:`Tagged`.
    """

    METAINFO = dict(classes=(BACKGROUND, *COCO_CLASSES))

    def __init__(
        self, img_suffix: str = '.jpg', seg_map_suffix: str = '.png', **kwargs: object
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)


@DATASETS.register_module()
class ThingScenesDataset(ScenesDataset):
    """The embedded scenes with their nine things as classes, and all else as the background.

    Args:
        masks: ``'scenes'``: as the scenes were written; ``'classes'``: ids of these classes, as
            pseudo masks hold them.
        **kwargs: as for :class:`ScenesDataset`.
    """

    METAINFO = dict(classes=(BACKGROUND, *THINGS), palette=[[0, 0, 0], *PALETTE[-len(THINGS) :]])

    def __init__(self, masks: str = 'scenes', **kwargs: object) -> None:
        if masks not in ('scenes', 'classes'):
            raise UserError(f"masks of ThingScenesDataset are 'scenes' or 'classes', got {masks!r}")
        self.masks = masks
        # By their ids in the files.
        self.all_classes = (
            [name if name in THINGS else BACKGROUND for name in CLASSES]
            if masks == 'scenes'
            else [BACKGROUND, *THINGS]
        )
        super().__init__(reduce_zero_label=masks == 'scenes', **kwargs)

    def get_label_map(self, new_classes: Sequence[str] | None = None) -> dict[int, int] | None:
        """Place among the scenes' classes -> place among these; None for masks of these."""
        if self.masks == 'classes':
            return None
        things = self.METAINFO['classes']
        return {
            old: things.index(name) if name in things else 0 for old, name in enumerate(CLASSES)
        }


@DATASETS.register_module()
class TaggedScenesDataset(Tagged, ThingScenesDataset):
    """The embedded scenes with tags of their nine things."""
