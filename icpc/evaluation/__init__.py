"""Metrics, tables and pictures of predictions."""

from . import streaming_iou, tta

__all__ = ['streaming_iou', 'tta']
