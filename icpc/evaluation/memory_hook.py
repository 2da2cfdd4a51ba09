"""Says how much memory predictions take before the first one is made."""

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..building import bare, without_wrapper
from ..console.messages import say
from ..parts import KnowsItsMemory


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
        if self._said or batch is None or not isinstance(bare(runner.model), KnowsItsMemory):
            return
        self._said = True
        size, disk, _ = first_picture(batch)
        predict = without_wrapper(runner.model)
        held, elsewhere = (number / 2**20 for number in predict.prediction_memory(size, disk))
        rest = (
            f', and {elsewhere:.0f} MiB of windows in host memory or, on a CPU, a temporary file '
            f'(model.test_cfg.memory_budget)'
        )
        say(
            f'predictions of {len(bare(runner.model).class_names)} classes: about {held:.0f} MiB '
            f'for a picture of {size[0]} x {size[1]} ({disk[0]} x {disk[1]} on disk), beside the '
            f'network{rest if elsewhere else ""}'
        )


def first_picture(batch: dict[str, Any]) -> tuple[tuple, tuple, str]:
    """Size in the network, size on disk and path of a batch's first picture.

    With test-time augmentation it comes in several sizes: the largest counts.
    """
    sizes = [tuple(image.shape[-2:]) for image in _leaves(batch['inputs'])]
    size = max(sizes, key=lambda size: size[0] * size[1])
    meta = next(_leaves(batch['data_samples'])).metainfo
    return size, tuple(meta.get('ori_shape', size))[:2], meta.get('img_path', 'a picture')


def _leaves(items: Any) -> Iterator[Any]:
    """All items of a batch, or of a list of augmented batches."""
    if isinstance(items, (list, tuple)):
        for item in items:
            yield from _leaves(item)
    else:
        yield items
