"""A second module over the same weights: the one that is shared keeps its state."""

import copy
from typing import Any, TypeVar

from torch import nn

Module = TypeVar('Module', bound=nn.Module)


def shared_copy(module: Module, **others: Any) -> Module:
    """A module with the same parameters, buffers and parts, some attributes being others.

    Args:
        module: It stays as it is.
        **others: Attributes of the new one; parts are replaced, too.
    """
    twin = copy.copy(module)
    for name in ('_parameters', '_buffers', '_modules'):
        twin.__dict__[name] = dict(twin.__dict__[name])
    for name, value in others.items():
        setattr(twin, name, value)
    return twin
