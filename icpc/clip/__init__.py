"""CLIP's towers; the only folder that knows open_clip."""

from .loading import load_clip
from .resnet import CLIPResNet
from .text_encoder import TextEncoder
from .vit import CLIPViT
from .vocabulary import PackedNames

__all__ = ['CLIPResNet', 'CLIPViT', 'PackedNames', 'TextEncoder', 'load_clip']
