"""Models of the stages, which the training loop trains like any other."""

from .boundary_network import BoundaryNetwork
from .clims_classifier import CLIMSClassifier
from .stride16_resnet import Stride16ResNet
from .tag_classifier import TagClassifier

__all__ = ['BoundaryNetwork', 'CLIMSClassifier', 'Stride16ResNet', 'TagClassifier']
