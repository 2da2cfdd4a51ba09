"""Finished configs, the training loop, hooks and checkpoints."""

from .. import datasets, evaluation  # noqa: F401  (registers what the configs name)
from . import (
    checkpoint_hook,
    class_prior,
    label_check,
    loop,
    memory_estimate,
    metrics_file,
    optim,
    panel_hook,
    prediction_hooks,
    progress,
    runner,
    sharding,
    switches,
    weight_average,
)
from .config import load_config

__all__ = [
    'checkpoint_hook',
    'class_prior',
    'label_check',
    'load_config',
    'loop',
    'memory_estimate',
    'metrics_file',
    'optim',
    'panel_hook',
    'prediction_hooks',
    'progress',
    'runner',
    'sharding',
    'switches',
    'weight_average',
]
