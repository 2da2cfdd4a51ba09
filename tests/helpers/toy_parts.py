"""A dataset and a backbone so small that whole runs take a second; named in the toy config."""

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, MODELS
from torch import Tensor, nn

CLASSES = ('red', 'green', 'blue')
COLOURS = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200]])

# Each picture is then treated alone: no batch norm, no dropout.
SEPARATE = {
    'model.backbone.norm': False,
    'model.decode_head.norm_cfg': None,
    'model.decode_head.dropout_ratio': 0.0,
}


@DATASETS.register_module()
class ToyDataset(BaseSegDataset):
    METAINFO = dict(classes=CLASSES, palette=COLOURS.tolist())

    def __init__(self, img_suffix='.png', reduce_zero_label=True, **kwargs):
        super().__init__(
            img_suffix=img_suffix,
            reduce_zero_label=reduce_zero_label,
            serialize_data=False,  # which would collect garbage for half a second
            **kwargs,
        )


@MODELS.register_module()
class ToyBackbone(nn.Module):
    """Two convolutions; from training pass `poison_after` on it gives nan."""

    def __init__(self, width: int = 8, norm: bool = True, poison_after: int | None = None):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.poison_after = poison_after
        self.passes = 0

    def forward(self, images: Tensor) -> tuple[Tensor]:
        features = self.conv2(self.norm(self.conv1(images)).relu()).relu()
        self.passes += self.training
        if self.poison_after is not None and self.passes >= self.poison_after:
            features = features * float('nan')
        return (features,)
