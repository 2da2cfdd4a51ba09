"""Which command prepares a dataset, for messages."""

from pathlib import Path
from typing import Any

from ..startup.program import typed

_PREPARE = {
    'ScenesDataset': 'scenes --out {root}',
    'ADE20KDataset': 'ade20k --download --out {root} (ADEChallengeData2016.zip, 923 MB)',
    'ADE20KFullDataset': 'ade20k-full --source ... --out {root}',
    'TaggedCOCODataset': 'coco2014 ... --out {root}',
    'COCOStuffDataset': 'coco-stuff10k (or 164k) ... --out {root}',
    'PascalVOCDataset': 'voc ... (data_root is VOC2012 in its --out)',
    'PascalContextDataset59': 'pascal-context59 ... (data_root is VOC2010 in its --out)',
    'CamVidDataset': 'camvid --source CamVid --out {root}',
    'CityscapesDataset': 'cityscapes --source ... --out {root}',
    'FolderDataset': 'folder --source ... --out {root}',
}


def how_to_prepare(dataset: dict[str, Any], root: Path) -> str:
    """One sentence, or nothing for a dataset of unknown type."""
    words = _PREPARE.get(str(dataset.get('type')))
    return f' To prepare it: {typed("prepare-data", words.format(root=root))}' if words else ''
