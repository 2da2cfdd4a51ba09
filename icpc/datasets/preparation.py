"""Which command prepares a dataset, for messages."""

from pathlib import Path
from typing import Any

_PREPARE = {
    'ScenesDataset': 'python tools/prepare_data.py scenes --out {root}',
    'ADE20KDataset': (
        'python tools/prepare_data.py ade20k --download --out {root} (ADEChallengeData2016.zip, '
        '923 MB)'
    ),
    'ADE20KFullDataset': 'python tools/prepare_data.py ade20k-full --source ... --out {root}',
    'COCOStuffDataset': 'python tools/prepare_data.py coco-stuff10k (or 164k) ... --out {root}',
    'PascalVOCDataset': 'python tools/prepare_data.py voc ... (data_root is VOC2012 in its --out)',
    'PascalContextDataset59': (
        'python tools/prepare_data.py pascal-context59 ... (data_root is VOC2010 in its --out)'
    ),
    'CamVidDataset': 'python tools/prepare_data.py camvid --source CamVid --out {root}',
    'CityscapesDataset': 'python tools/prepare_data.py cityscapes --source ... --out {root}',
    'FolderDataset': 'python tools/prepare_data.py folder --source ... --out {root}',
}


def how_to_prepare(dataset: dict[str, Any], root: Path) -> str:
    """One sentence, or nothing for a dataset of unknown type."""
    advice = _PREPARE.get(str(dataset.get('type')))
    return f' To prepare it: {advice.format(root=root)}' if advice else ''
