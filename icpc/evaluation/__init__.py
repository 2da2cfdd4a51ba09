"""Metrics, tables and pictures of predictions, and the hooks that make them."""

from . import memory_hook, panel_hook, prediction_hooks, streaming_iou, tta

__all__ = ['memory_hook', 'panel_hook', 'prediction_hooks', 'streaming_iou', 'tta']
