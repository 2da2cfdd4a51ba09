"""mmengine's information about a run, with numbers that are read when they are due."""

from typing import Any

from mmengine.hooks import RuntimeInfoHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...console.unread import Unread, are_due


@HOOKS.register_module()
class LateRuntimeInfoHook(RuntimeInfoHook):
    """Gives the message hub the same numbers as mmengine's hook, but not at once.

    The hub keeps numbers, so that mmengine's hook waits for the device at every number of every
    step.
    """

    def __init__(self) -> None:
        super().__init__()
        self._unread = Unread()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Keep the step's numbers, and read them when they are due."""
        self._unread.add(outputs or {})
        if are_due(runner, outputs or {}):
            self.read_numbers(runner)

    def read_numbers(self, runner: Runner) -> None:
        """Bring the hub up to date, as before a checkpoint."""
        for step in self._unread.read():
            for key, value in step.items():
                runner.message_hub.update_scalar(f'train/{key}', value)
