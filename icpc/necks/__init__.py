"""Alignments: each one module ``neck(features, text) -> (pyramid, score_maps)``."""

from .multi_scale import MultiScaleAlignment
from .score_concat import ScoreConcat

__all__ = ['MultiScaleAlignment', 'ScoreConcat']
