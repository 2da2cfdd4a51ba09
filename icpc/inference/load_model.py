"""A model in one line: `icpc.load_model` and `icpc.load_clip_model`."""

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from mmseg.utils import register_all_modules
from torch import nn

from ..checkpoints.content import load_checkpoint
from ..checkpoints.fitting import load_weights
from ..errors import UserError, did_you_mean, refusing
from .model_config import prediction_config
from .model_sources import find_source
from .own_classes import vocabulary
from .palettes import palette_of_model
from .predictor import Predictor


def load_model(
    source: str | Path, device: str | torch.device | None = None, config: str | Path | None = None
) -> Predictor:
    """Load a trained model for prediction. Nothing that a source holds is run.

    Args:
        source: A run's work dir (its newest whole checkpoint), a checkpoint (`.pth`) in one, a
            folder that `tools/publish.py` wrote, `hf-hub:org/name` for one on the Hub, or
            `'scenes'`, the packaged example. Where the run averaged its weights (`ema`), these are
            the average, as `tools/test.py` takes it.
        device: Such as `'cpu'` or `'cuda:1'`; None for the first GPU, or the CPU where there is
            none.
        config: The path of a config for a checkpoint that lies apart from its work dir.

    Returns:
        A `Predictor`, whose classes are those of the checkpoint.

    Raises:
        UserError: There is no such model, its files do not fit together, or the device is not here.
    """
    place = device_of(device)
    found = find_source(source, config)
    checkpoint = load_checkpoint(found.weights)
    meta = checkpoint.get('meta') or {}
    known = [str(name).strip() for name in checkpoint.get('classes') or meta.get('classes') or ()]
    cfg = prediction_config(found.tree, known, found.config)
    model = build(cfg)
    load_weights(model, checkpoint, found.weights)
    # What is predicted may be something else than the classes of the data, such as edges.
    own = [*getattr(model, 'prediction_names', ())]
    names = own or known or cfg.class_names or _numbered(model)
    palette = palette_of_model(names, known, meta.get('palette'), cfg.dataset)
    return Predictor(model.to(place).eval(), cfg, names, palette)


def build(cfg: Config) -> nn.Module:
    """The model of a config; weights that a file gives need no start of their own."""
    with refusing('model'), DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(cfg.model)


def _numbered(model: nn.Module) -> list[str]:
    """Names for a model that knows none."""
    return [str(index) for index in range(model.decode_head.num_classes)]


def device_of(device: str | torch.device | None) -> torch.device:
    """A device that is here; None is the first GPU, or the CPU where there is none.

    Raises:
        UserError: It cannot be used.
    """
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise UserError(f'device {str(device)!r} cannot be used: {reason}') from error
    return place


def load_clip_model(
    model: str | dict,
    pretrained: str | None,
    classes: str | Sequence[str],
    device: str | torch.device | None = None,
    **options: Any,
) -> Predictor:
    """A CLIP that segments by its score map alone, without any training.

    Args:
        model: An architecture of open_clip such as `'ViT-B-16-quickgelu'`, or what else
            `model.clip.model` takes.
        pretrained: Its weights, such as `'openai'`.
        classes: The names to tell apart; synonyms stand behind a `;`.
        device: As for :func:`load_model`.
        **options: `dense`, `templates`, `threshold` and `scale` of
            :func:`icpc.inference.zero_shot.clip_model_config`.

    Returns:
        A `Predictor`.

    Raises:
        UserError: An unknown CLIP or option, fewer than two classes, or a device that is not here.
    """
    from .zero_shot import clip_model_config

    place = device_of(device)
    known = signature(clip_model_config).parameters.keys() - {'model', 'pretrained', 'classes'}
    for name in options:
        if name not in known:
            raise UserError(f'load_clip_model has no option {name!r}{did_you_mean(name, known)}')
    register_all_modules(init_default_scope=False)
    with refusing('model'):
        cfg = clip_model_config(model, pretrained, list(vocabulary(classes)), **options)
    colours = np.asarray(cfg.palette, dtype=np.uint8)
    return Predictor(build(cfg).to(place).eval(), cfg, cfg.class_names, colours)
