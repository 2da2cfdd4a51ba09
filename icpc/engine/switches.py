"""The switches of training: checked with the config, and thrown before the first step."""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..errors import UserError, did_you_mean
from .weight_average import check_decay

_COMPILED = ('backbone', 'neck', 'decode_head')
_MODES = ('default', 'reduce-overhead', 'max-autotune', 'max-autotune-no-cudagraphs')
_CLIPPERS = {
    'norm': torch.nn.utils.clip_grad_norm_,
    'value': torch.nn.utils.clip_grad_value_,
}


def take_switches(tree: dict[str, Any]) -> None:
    """Check `ema`, `clip_grad`, `activation_checkpointing`, `compile` and `parallel`.

    Args:
        tree: The resolved config. mmengine would read two of the names its own way, so they are
            taken out; `ModelSwitchesHook` has their values.

    Raises:
        UserError: For a value that means nothing, or switches that exclude each other.
    """
    check_decay(tree.get('ema'))
    _check_clip_grad((tree.get('optim_wrapper') or {}).get('clip_grad'))
    recompute = tree.pop('activation_checkpointing', False)
    if not isinstance(recompute, bool):
        raise UserError(f'activation_checkpointing must be True or False, got {recompute!r}')
    options = compile_options(tree.pop('compile', False))
    parallel = tree.get('parallel', 'ddp')
    if parallel not in ('ddp', 'fsdp2'):
        raise UserError(f"parallel must be 'ddp' or 'fsdp2', got {parallel!r}")
    if tree.get('train_dataloader') is None:
        return
    if options is not None:
        _check_compiles(options, recompute, parallel)
    if parallel == 'fsdp2' and (tree.get('optim_wrapper') or {}).get('dtype') == 'fp16':
        raise UserError("parallel='fsdp2' does not scale fp16 gradients: take --amp bf16")


def _check_clip_grad(options: Any) -> None:
    if options is None:
        return
    kind = options.get('type', 'norm') if isinstance(options, dict) else None
    if kind not in _CLIPPERS:
        raise UserError(
            'clip_grad must be None, dict(max_norm=1.0) or dict(type="value", clip_value=1.0), '
            f'got {options!r}'
        )
    accepted = set(inspect.signature(_CLIPPERS[kind]).parameters) - {'parameters'}
    limit = 'max_norm' if kind == 'norm' else 'clip_value'
    for key in options:
        if key not in accepted | {'type'}:
            raise UserError(f'clip_grad.{key}: no such argument{did_you_mean(key, accepted)}')
    value = options.get(limit)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise UserError(f'clip_grad.{limit} must be a number above 0, got {value!r}')


def compile_options(value: Any) -> dict[str, Any] | None:
    """Arguments for `torch.compile`, None for no compilation.

    Args:
        value: False or None; True; a mode; or the arguments.

    Raises:
        UserError: For anything else.
    """
    if value is None or value is False:
        return None
    if value is True:
        return {}
    if isinstance(value, str) and value in _MODES:
        return {'mode': value}
    accepted = set(inspect.signature(torch.compile).parameters) - {'model', 'disable'}
    if isinstance(value, dict) and set(value) <= accepted:
        return dict(value)
    raise UserError(
        f'compile must be True, False, one of the modes {", ".join(_MODES)}, or a dict with keys '
        f'of {", ".join(sorted(accepted))}; got {value!r}'
    )


def _check_compiles(options: dict[str, Any], recompute: bool, parallel: str) -> None:
    if parallel == 'fsdp2':
        raise UserError("compile and parallel='fsdp2' do not go together: choose one")
    if recompute:
        raise UserError(
            'compile and activation_checkpointing do not go together: a compiled part chooses '
            'itself what it computes again'
        )
    candidates = [os.environ.get('CXX'), 'g++', 'clang++', 'c++']
    if options.get('backend', 'inductor') == 'inductor' and not any(
        name and shutil.which(name) for name in candidates
    ):
        raise UserError('compile needs a C++ compiler: install g++, name one in CXX, or leave it')


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
        """Throw the switches."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
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
