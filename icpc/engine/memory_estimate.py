"""Says how much memory predictions take before the first one is made."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .console import say


@HOOKS.register_module()
class MemoryEstimateHook(Hook):
    """Prints once a run what the first evaluated picture takes beside the network's activations."""

    priority = 'LOW'

    def __init__(self) -> None:
        self._said = False

    def before_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None
    ) -> None:
        """Before the first validation picture."""
        self._say(runner, data_batch)

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None
    ) -> None:
        """Before the first test picture."""
        self._say(runner, data_batch)

    def _say(self, runner: Runner, batch: dict[str, Any] | None) -> None:
        model = getattr(runner.model, 'module', runner.model)  # of a wrapper
        if self._said or batch is None or not hasattr(model, 'prediction_memory'):
            return
        self._said = True
        image, sample = _first(batch['inputs']), _first(batch['data_samples'])
        size = tuple(image.shape[-2:])
        disk = tuple(sample.metainfo.get('ori_shape', size))[:2]
        held, elsewhere = (number / 2**20 for number in model.prediction_memory(size, disk))
        rest = (
            f', and {elsewhere:.0f} MiB of windows in host memory or, on a CPU, a temporary file '
            f'(model.test_cfg.memory_budget)'
        )
        say(
            f'predictions of {len(model.class_names)} classes: about {held:.0f} MiB for a picture '
            f'of {size[0]} x {size[1]} ({disk[0]} x {disk[1]} on disk), beside the network'
            f'{rest if elsewhere else ""}'
        )


def _first(items: Any) -> Any:
    """The first item of a batch, or of a list of augmented batches."""
    while isinstance(items, (list, tuple)):
        items = items[0]
    return items
