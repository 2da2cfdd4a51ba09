"""Optimiser wrappers: parameter groups without noise, and autocast on any device."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmcv.cnn import is_norm
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ..building import bare
from ..errors import UserError, did_you_mean
from ..ranks.fsdp import split_optimizer_state

_DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupedOptimConstructor:
    """Puts the trainable parameters into one group for each (learning rate, weight decay).

    Norms are recognised by their type, since no parameter of CLIP is called "norm", and they keep
    their own decay inside a part that has its own learning rate.

    Args:
        optim_wrapper_cfg: The wrapper with its `optimizer`.
        paramwise_cfg: `custom_keys={part: dict(lr_mult=, decay_mult=)}`, the part being a dotted
            prefix such as `backbone`, in which biases may have `bias_lr_mult` and
            `bias_decay_mult` instead; and `norm_decay_mult`.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        self.wrapper_cfg = dict(optim_wrapper_cfg)
        self.optimizer_cfg = dict(self.wrapper_cfg.pop('optimizer'))
        options = dict(paramwise_cfg or {})
        self.parts: dict[str, dict[str, float]] = options.pop('custom_keys', {})
        self.norm_decay_mult: float = options.pop('norm_decay_mult', 1.0)
        if options:
            raise UserError(f'optim_wrapper.paramwise_cfg: unknown {", ".join(options)}')

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimiser and its wrapper for a model, which may be wrapped for DDP."""
        model = bare(model)
        self._check_parts(model)
        groups: dict[tuple[float, float], list[Tensor]] = defaultdict(list)
        for name, parameter, in_norm in _trainable(model):
            groups[self._multipliers(name, in_norm)].append(parameter)
        lr, decay = self.optimizer_cfg['lr'], self.optimizer_cfg.get('weight_decay', 0.0)
        params = [
            dict(params=tensors, lr=lr * lr_mult, weight_decay=decay * decay_mult)
            for (lr_mult, decay_mult), tensors in sorted(
                groups.items(), key=lambda item: item[0], reverse=True
            )
        ]
        optimizer = OPTIMIZERS.build({**self.optimizer_cfg, 'params': params})
        optimizer.register_load_state_dict_pre_hook(_fit_scalar_moments)
        if any(isinstance(tensor, DTensor) for tensors in groups.values() for tensor in tensors):
            optimizer.register_load_state_dict_pre_hook(split_optimizer_state)
        return OPTIM_WRAPPERS.build(
            {'type': 'OptimWrapper', **self.wrapper_cfg, 'optimizer': optimizer}
        )

    def _multipliers(self, name: str, in_norm: bool) -> tuple[float, float]:
        part = max((key for key in self.parts if _inside(name, key)), key=len, default=None)
        options = self.parts.get(part, {})
        rate, decay = options.get('lr_mult', 1.0), options.get('decay_mult', 1.0)
        if in_norm:
            return rate, decay * self.norm_decay_mult
        if name.endswith('.bias'):
            rate, decay = options.get('bias_lr_mult', rate), options.get('bias_decay_mult', decay)
        return rate, decay

    def _check_parts(self, model: nn.Module) -> None:
        names = [name for name, _ in model.named_parameters()]
        for key in self.parts:
            if not any(_inside(name, key) for name in names):
                hint = did_you_mean(key, {name.split('.')[0] for name in names})
                raise UserError(
                    f'optim_wrapper.paramwise_cfg.custom_keys.{key}: no parameter begins so{hint}'
                )


def _fit_scalar_moments(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """Moments of what was a scalar once get the shape (1,) that it has now."""
    parameters = [p for group in optimizer.param_groups for p in group['params']]
    numbers = [number for group in state['param_groups'] for number in group['params']]
    fitted = dict(state['state'])
    for number, parameter in zip(numbers, parameters, strict=False):  # torch tells of other counts
        if parameter.shape == (1,) and number in fitted:
            fitted[number] = {
                key: value[None] if key != 'step' and _is_scalar(value) else value
                for key, value in fitted[number].items()
            }
    return {**state, 'state': fitted}


def _is_scalar(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 0


def _inside(name: str, part: str) -> bool:
    return name == part or name.startswith(f'{part}.')


def _trainable(model: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """Every trainable parameter once: name, tensor, whether a norm owns it."""
    seen: set[int] = set()
    for prefix, module in model.named_modules():
        norm = is_norm(module) or isinstance(module, nn.RMSNorm)
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                yield f'{prefix}.{name}'.lstrip('.'), parameter, norm


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Forward in bf16 or fp16 on CPU and CUDA; fp16 gradients are scaled.

    mmengine's AmpOptimWrapper wants a GPU even for bf16.

    Args:
        dtype: `bf16` or `fp16`.
        **kwargs: As `OptimWrapper`: optimizer, accumulative_counts, clip_grad.
    """

    def __init__(self, dtype: str = 'bf16', **kwargs: Any) -> None:
        if dtype not in _DTYPES:
            raise UserError(
                f'optim_wrapper.dtype must be one of {", ".join(_DTYPES)}, got {dtype!r}'
            )
        super().__init__(**kwargs)
        self.device_type = torch.device(get_device()).type
        self.dtype = _DTYPES[dtype]
        self.scaler = torch.amp.GradScaler(self.device_type, enabled=dtype == 'fp16')

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, and DDP's synchronisation only in the last pass of a step."""
        with super().optim_context(model), torch.autocast(self.device_type, self.dtype):
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Back-propagate the scaled loss."""
        super().backward(self.scaler.scale(loss), **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Unscale, clip, step; a step with overflown gradients is left out."""
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state with the scale of the loss."""
        return {**super().state_dict(), 'loss_scaler': self.scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Undo `state_dict`; a checkpoint trained without autocast has no scale."""
        state_dict = dict(state_dict)
        scale = state_dict.pop('loss_scaler', None)
        if scale:
            self.scaler.load_state_dict(scale)
        super().load_state_dict(state_dict)
