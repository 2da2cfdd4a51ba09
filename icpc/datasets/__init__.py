"""Datasets: the embedded scenes, CamVid, ADE20K-Full, your own; importing it registers them."""

from icpc.datasets.camvid11 import CamVidDataset
from icpc.datasets.folder import ADE20KFullDataset, FolderDataset
from icpc.datasets.named_readers import LoadNamedAnnotations, LoadNamedPicture
from icpc.datasets.picture_subset import PictureSubset
from icpc.datasets.scenes.dataset import ScenesDataset
from icpc.datasets.wide_labels import LoadWideAnnotations

__all__ = [
    'ADE20KFullDataset',
    'CamVidDataset',
    'FolderDataset',
    'LoadNamedAnnotations',
    'LoadNamedPicture',
    'LoadWideAnnotations',
    'PictureSubset',
    'ScenesDataset',
]
