"""The switches of training: `ema`, `clip_grad`, `compile`, recomputing, `parallel`."""

import inspect
import os
import shutil
from typing import Any

import torch

from ..errors import UserError, did_you_mean

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
    hook = (tree.get('default_hooks') or {}).get('switches') or {}
    options = compile_options(hook.get('compile', tree.pop('compile', False)))
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


def check_decay(decay: Any) -> None:
    """Raise for an `ema` that is neither None nor a number between 0 and 1."""
    number = isinstance(decay, (int, float)) and not isinstance(decay, bool)
    if decay is not None and not (number and 0 < decay < 1):
        raise UserError(
            f'ema must be None or a decay between 0 and 1 such as 0.9998, got {decay!r}'
        )
