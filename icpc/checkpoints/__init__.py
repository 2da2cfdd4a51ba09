"""Checkpoints: what they hold, how they are written, read, kept and found."""

from . import foreign_readers, hook

__all__ = ['foreign_readers', 'hook']
