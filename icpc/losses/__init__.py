"""Losses of the alignment: each an ``icpc.parts.AlignmentLoss``."""

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
