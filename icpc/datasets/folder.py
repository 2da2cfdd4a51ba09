"""Datasets of 16-bit masks whose classes stand in a names file: your own, and ADE20K-Full."""

from typing import Any

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class FolderDataset(BaseSegDataset):
    """Pictures and masks in the layout that `tools/prepare_data.py folder` writes.

    The class names come from the config's `classes`, a names file beside the masks. Masks hold
    0-based ids, read with `LoadWideAnnotations`; 65535 is ignored.

    Args:
        img_suffix: Of the pictures; `.png` where not all of them were JPEG.
        seg_map_suffix: Of the masks.
        ignore_index: Id that does not count.
        **kwargs: As for BaseSegDataset, which raises on an unknown one.
    """

    METAINFO = dict()

    def __init__(
        self,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        ignore_index: int = 65535,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            ignore_index=ignore_index,
            reduce_zero_label=False,
            **kwargs,
        )


@DATASETS.register_module()
class ADE20KFullDataset(FolderDataset):
    """ADE20K-Full, 847 classes, as `tools/prepare_data.py ade20k-full` writes it."""
