"""The embedded dataset of procedural scenes for MMSegmentation."""

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from icpc.datasets.scene_classes import CLASSES, PALETTE


@DATASETS.register_module()
class ScenesDataset(BaseSegDataset):
    """Procedural scenes in ADE20K's layout: 8-bit masks, 0 = unlabelled, 1..18 = classes.

    Args:
        img_suffix: of the pictures.
        seg_map_suffix: of the masks.
        reduce_zero_label: maps 0 to the ignored 255 and 1..18 to 0..17; leave it on.
        **kwargs: as for BaseSegDataset, which raises on an unknown one.
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)

    def __init__(
        self,
        img_suffix: str = '.png',
        seg_map_suffix: str = '.png',
        reduce_zero_label: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            reduce_zero_label=reduce_zero_label,
            **kwargs,
        )
