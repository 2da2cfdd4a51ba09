"""Freezing that survives ``.train()``."""

from torch import nn

from ..recomputing import BATCH_NORMS


def freeze(module: nn.Module) -> None:
    """No gradients; call :func:`keep_eval` from the owner's ``train`` as well."""
    module.requires_grad_(False)
    module.eval()


def keep_eval(modules: list[nn.Module], norms_of: nn.Module | None = None) -> None:
    """Puts frozen modules, and the batch norms of another one, back into eval mode."""
    for module in modules:
        module.eval()
    for module in norms_of.modules() if norms_of is not None else ():
        if isinstance(module, BATCH_NORMS):
            module.eval()
