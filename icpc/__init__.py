"""CLIP-guided semantic segmentation. Importing it fills the registry of mmseg."""

from . import opencv  # noqa: F401  isort: skip  (first: it says what to do where cv2 fails)
from . import (  # noqa: F401
    backbones,
    checkpoints,
    clip,
    console,
    datasets,
    evaluation,
    heads,
    losses,
    necks,
    prompts,
    run_dir,
    segmentors,
    training,
)
from .building import build_model
from .config import load_config

__version__ = '0.1.0'
__all__ = [
    'backbones',
    'build_model',
    'clip',
    'heads',
    'load_config',
    'losses',
    'necks',
    'prompts',
    'segmentors',
]
