"""What a segmentor is trained by on pseudo masks: DeepLabV2 as published with CLIMS."""

from .atrous_resnet import AtrousResNet
from .deeplab_v2 import DeepLabV2
from .stepped_poly import SteppedPolyLR

__all__ = ['AtrousResNet', 'DeepLabV2', 'SteppedPolyLR']
