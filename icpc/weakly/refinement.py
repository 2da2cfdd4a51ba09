"""Refinements of class activation maps, by name."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError, did_you_mean, refusing
from .refiners.attention_affinity import AttentionAffinity
from .refiners.boundary_walk import BoundaryWalk
from .refiners.crf_maps import crf_maps
from .refiners.pixel_adaptive import pixel_adaptive

# (3, H, W) RGB in 0..255 and (k, H, W) maps in 0..1 of the tagged classes -> (k, H, W) in 0..1
Refine = Callable[[Tensor, Tensor], Tensor]
FUNCTIONS: dict[str, Callable[..., Tensor]] = {'pamr': pixel_adaptive, 'crf': crf_maps}
NETWORKS: dict[str, Callable[..., Refine]] = {'irn': BoundaryWalk, 'affinity': AttentionAffinity}
WITH_BOUNDARIES = 'irn'  # its network is a stage of its own
NONE = 'none'


def check_refinement(name: str, options: dict[str, Any]) -> None:
    """Refuse what :func:`refiner` would refuse, as far as no network is to be loaded.

    Args:
        name: `none`, or one of FUNCTIONS and NETWORKS.
        options: Its arguments.

    Raises:
        UserError: An unknown name or option, one that is missing, or a value that means nothing.
    """
    if name == NONE:
        if options:
            raise UserError(f'refine=none takes no options, got {options}')
        return
    known = {**FUNCTIONS, **NETWORKS}
    if name not in known:
        names = [NONE, *known]
        raise UserError(
            f'refine={name!r} is unknown{did_you_mean(name, names)} (there are {", ".join(names)})'
        )
    parameters = dict(inspect.signature(known[name]).parameters)
    for given in ('image', 'maps'):
        parameters.pop(given, None)
    for key in options:
        if key not in parameters:
            raise UserError(
                f'refine={name} has no option {key!r}{did_you_mean(key, parameters)} '
                f'(there are {", ".join(parameters)})'
            )
    for key, one in parameters.items():
        if one.default is one.empty and key not in options:
            raise UserError(f'refine={name} needs the option {key}')
    for key, value in options.items():
        if isinstance(value, (int, float)) and value < 0:
            raise UserError(f'refine={name}: {key} must not be below 0, got {value}')
    if name in FUNCTIONS:
        try:  # what means nothing fails on any picture
            FUNCTIONS[name](torch.zeros(3, 8, 8), torch.full((1, 8, 8), 0.5), **options)
        except Exception as error:
            raise UserError(f'refine={name} with {options}: {error}') from error


def refiner(name: str, options: dict[str, Any], device: str | None = None) -> Refine | None:
    """A refinement with its options; None for `none`.

    Args:
        name: `none`, or one of FUNCTIONS and NETWORKS.
        options: Its arguments.
        device: Of a network; None for the first GPU, or the CPU.

    Raises:
        UserError: An unknown name or option, or a network that cannot be loaded.
    """
    check_refinement(name, options)
    if name == NONE:
        return None
    if name in FUNCTIONS:
        return partial(FUNCTIONS[name], **options)
    with refusing(f'refine={name}'):
        return NETWORKS[name](**{'device': device, **options})
