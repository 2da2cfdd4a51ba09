"""Whole models."""

from .clip_segmentor import CLIPSegmentor
from .zero_shot_segmentor import ZeroShotSegmentor

__all__ = ['CLIPSegmentor', 'ZeroShotSegmentor']
