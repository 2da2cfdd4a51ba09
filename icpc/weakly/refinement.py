"""Refinements of class activation maps, by name."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..errors import UserError, did_you_mean
from .pixel_adaptive import pixel_adaptive

# (3, H, W) RGB in 0..255 and (k, H, W) maps in 0..1 of the tagged classes -> (k, H, W) in 0..1
Refine = Callable[..., Tensor]
REFINERS: dict[str, Refine] = {'pamr': pixel_adaptive}


def refiner(name: str, options: dict[str, Any]) -> Refine | None:
    """A refinement with its options; None for `none`.

    Args:
        name: `none` or one of REFINERS.
        options: Its arguments.

    Raises:
        UserError: An unknown name or option.
    """
    if name == 'none':
        if options:
            raise UserError(f'refine=none takes no options, got {options}')
        return None
    if name not in REFINERS:
        known = ['none', *REFINERS]
        raise UserError(
            f'refine={name!r} is unknown{did_you_mean(name, known)} (there are {", ".join(known)})'
        )
    function = REFINERS[name]
    allowed = list(inspect.signature(function).parameters)[2:]
    for key in options:
        if key not in allowed:
            raise UserError(
                f'refine={name} has no option {key!r}{did_you_mean(key, allowed)} '
                f'(there are {", ".join(allowed)})'
            )
    return lambda image, maps: function(image, maps, **options)
