"""Image tags as supervision: their files, data sets that carry them, and the score of CAMs."""

from .swept_cam import SweptCAM
from .tagged_datasets import TaggedCOCODataset, TaggedFolderDataset, TaggedScenesDataset
from .tagged_datasets import TaggedVOCDataset, ThingScenesDataset

__all__ = [
    'SweptCAM',
    'TaggedCOCODataset',
    'TaggedFolderDataset',
    'TaggedScenesDataset',
    'TaggedVOCDataset',
    'ThingScenesDataset',
]
