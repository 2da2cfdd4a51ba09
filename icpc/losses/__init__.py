"""Losses of the alignment: each ``(features, text, score_maps, labels) -> scalar``.

A class may say by ``uses`` which of ``pyramid``, ``dense``, ``pooled``, ``interim``, ``text`` and
``score_maps`` it takes: what nothing takes is not trained, and frozen. Without it, all count.
"""

from .align_contrastive import AlignContrastiveLoss, align_contrastive_loss
from .interim_map import InterimMapLoss
from .score_map import ScoreMapLoss, score_map_loss

__all__ = [
    'AlignContrastiveLoss',
    'InterimMapLoss',
    'ScoreMapLoss',
    'align_contrastive_loss',
    'score_map_loss',
]
