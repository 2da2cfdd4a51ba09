"""The model inside what a run puts around it."""

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn


def without_wrapper(model: nn.Module) -> nn.Module:
    """The model inside DDP: itself, or test-time augmentation around it."""
    return model.module if is_model_wrapper(model) else model


def bare(model: nn.Module) -> nn.Module:
    """The model inside DDP and test-time augmentation."""
    inner = without_wrapper(model)
    return inner.module if isinstance(inner, BaseTTAModel) else inner
