"""Whole models."""

from .clip_segmentor import CLIPSegmentor
from .zero_shot import ZeroShotSegmentor

__all__ = ['CLIPSegmentor', 'ZeroShotSegmentor']
