"""Backbones beside CLIP's own image towers."""

from .imagenet import ImageNetBackbone

__all__ = ['ImageNetBackbone']
