"""CLIP's towers; the only folder that knows open_clip."""

from .loading import backbone_type, load_clip
from .resnet import CLIPResNet
from .text_encoder import TextEncoder
from .timm_tower import CLIPTimm
from .vit import CLIPViT
from .vocabulary import PackedNames

__all__ = [
    'CLIPResNet',
    'CLIPTimm',
    'CLIPViT',
    'PackedNames',
    'TextEncoder',
    'backbone_type',
    'load_clip',
]
