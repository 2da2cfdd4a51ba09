"""Losses of the alignment: each ``(features, text, score_maps, labels) -> scalar``."""

from .align_contrastive import AlignContrastiveLoss, align_contrastive_loss
from .score_map import ScoreMapLoss, score_map_loss

__all__ = [
    'AlignContrastiveLoss',
    'ScoreMapLoss',
    'align_contrastive_loss',
    'score_map_loss',
]
