"""Building a model from a config, and the model inside what a run puts around it."""

from mmengine.config import Config
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import nn

from .errors import UserError, refusing


def build_model(config: Config) -> nn.Module:
    """Build the model of a config as a training begins with it.

    Args:
        config: As `icpc.load_config` gives it; CLIP's weights are loaded from where it says.

    Returns:
        The model on the CPU, in training mode, its new parts initialised.

    Raises:
        UserError: The config has no model, or its parts do not fit together.
    """
    if not config.get('model'):
        raise UserError(f'{config.filename or "the config"} has no model')
    with refusing('model'), DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config.model)
    if hasattr(model, 'init_weights'):
        model.init_weights()
    return model


def without_wrapper(model: nn.Module) -> nn.Module:
    """The model inside DDP: itself, or test-time augmentation around it."""
    return model.module if is_model_wrapper(model) else model


def bare(model: nn.Module) -> nn.Module:
    """The model inside DDP and test-time augmentation."""
    inner = without_wrapper(model)
    return inner.module if isinstance(inner, BaseTTAModel) else inner
