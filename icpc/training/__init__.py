"""The training loop, the runner, speed, and what acts on each step."""

from . import class_prior, label_check, loop, optim, reading, runner, speed, weight_average

__all__ = [
    'class_prior',
    'label_check',
    'loop',
    'optim',
    'reading',
    'runner',
    'speed',
    'weight_average',
]
