"""CLIP-guided semantic segmentation. Importing it fills the registry of mmseg."""

from importlib import import_module
from typing import Any

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

_LATE = {'load_model': 'inference.load_model', 'load_clip_model': 'inference.load_model'}


def __getattr__(name: str) -> Any:
    """What few programs need is imported when it is first asked for."""
    if name in _LATE:
        return getattr(import_module(f'{__name__}.{_LATE[name]}'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__version__ = '0.1.0'
__all__ = [
    'backbones',
    'build_model',
    'clip',
    'heads',
    'load_clip_model',
    'load_config',
    'load_model',
    'losses',
    'necks',
    'prompts',
    'segmentors',
]
