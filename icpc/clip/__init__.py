"""CLIP's towers; the only folder that knows open_clip."""

from .loading import backbone_type, load_clip
from .text.text_encoder import TextEncoder
from .text.vocabulary import PackedNames
from .vision.resnet import CLIPResNet
from .vision.timm_tower import CLIPTimm
from .vision.vit import CLIPViT

__all__ = [
    'CLIPResNet',
    'CLIPTimm',
    'CLIPViT',
    'PackedNames',
    'TextEncoder',
    'backbone_type',
    'load_clip',
]
