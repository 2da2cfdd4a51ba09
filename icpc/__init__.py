"""CLIP-guided semantic segmentation. Importing it fills the registry of mmseg."""

from . import clip, losses, necks, prompts, segmentors  # noqa: F401

__version__ = '0.1.0'
