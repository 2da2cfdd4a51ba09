"""Decode heads whose loss never holds K full-size maps."""

from .score_guided import ScoreGuidedFPNHead
from .semantic_fpn import SemanticFPNHead

__all__ = ['ScoreGuidedFPNHead', 'SemanticFPNHead']
