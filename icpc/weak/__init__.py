"""Weakly supervised segmentation: from image tags to masks."""

from . import stages, tags

__all__ = ['stages', 'tags']
