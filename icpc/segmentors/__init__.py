"""Whole models."""

from .clip_segmentor import CLIPSegmentor

__all__ = ['CLIPSegmentor']
