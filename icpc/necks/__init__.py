"""Alignments: each one module ``neck(features, text) -> (pyramid, score_maps)``."""

from .multi_scale import MultiScaleAlignment

__all__ = ['MultiScaleAlignment']
