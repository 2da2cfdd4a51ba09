"""Speed and memory of the training step: compiled parts, and activations computed again."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..config.switches import compile_options
from ..errors import UserError
from ..parts import bare

_COMPILED = ('backbone', 'neck', 'decode_head')


@HOOKS.register_module()
class ModelSwitchesHook(Hook):
    """Makes the model recompute activations, or compiles it, when training begins.

    Compiled are the forward passes of backbone, neck and decode head, in training alone: pictures
    of many sizes would compile again and again. Prompter and losses stay as they are. No module
    is wrapped, so checkpoints keep their keys.

    Args:
        activation_checkpointing: Backbone and text tower compute their blocks again in backward.
        compile: See `compile_options`.

    Raises:
        UserError: For a value that means nothing.
    """

    def __init__(
        self, activation_checkpointing: bool = False, compile: bool | str | dict | None = False
    ) -> None:
        self.activation_checkpointing = activation_checkpointing
        self.options = compile_options(compile)

    def before_train(self, runner: Runner) -> None:
        """Apply activation checkpointing and torch.compile to the model."""
        model = bare(runner.model)
        if self.activation_checkpointing:
            _recompute(model)
        if self.options is not None:
            for name in _COMPILED:
                if getattr(model, name, None) is not None:
                    _compile(getattr(model, name), self.options)


def _recompute(model: nn.Module) -> None:
    parts = [module for module in model.modules() if hasattr(module, 'checkpointing')]
    if not parts:
        raise UserError(
            'activation_checkpointing=True: no part of this model can recompute its activations '
            '(CLIPResNet, CLIPViT, CLIPTimm, ImageNetBackbone and the text tower can)'
        )
    for part in parts:
        part.checkpointing = True


def _compile(module: nn.Module, options: dict[str, Any]) -> None:
    eager: Callable[..., Any] = module.forward
    compiled = torch.compile(eager, **options)

    def forward(*args: Any, **kwargs: Any) -> Any:
        return (compiled if torch.is_grad_enabled() else eager)(*args, **kwargs)

    module.forward = forward
