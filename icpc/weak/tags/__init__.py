"""Image tags as supervision: their files, data sets that carry them, and the score of CAMs."""

from .boundary_score import BoundaryScore
from .swept_cam import SweptCAM
from .tagged_datasets import (
    TaggedCOCODataset,
    TaggedFolderDataset,
    TaggedScenesDataset,
    TaggedVOCDataset,
    ThingScenesDataset,
)
from .tagged_steps import CropAtRandomPlace, RandomLongSide

__all__ = [
    'BoundaryScore',
    'CropAtRandomPlace',
    'RandomLongSide',
    'SweptCAM',
    'TaggedCOCODataset',
    'TaggedFolderDataset',
    'TaggedScenesDataset',
    'TaggedVOCDataset',
    'ThingScenesDataset',
]
