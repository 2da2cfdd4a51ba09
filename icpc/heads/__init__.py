"""Decode heads whose loss never holds K full-size maps."""

from .semantic_fpn import SemanticFPNHead

__all__ = ['SemanticFPNHead']
