"""Checkpoints: what they hold, how they are written, read, kept and found."""

from . import hook

__all__ = ['hook']
