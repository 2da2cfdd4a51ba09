"""Watches a rehearsal: what it is doing, how long a step and a picture take, in what memory."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..building import bare, without_wrapper
from ..errors import UserError
from ..evaluation.memory_hook import first_picture
from ..memory.host import available_memory
from ..parts import KnowsItsMemory

_GIB = 2**30


class RehearsalHook(Hook):
    """Notes times and the present phase, and refuses a picture whose prediction cannot fit.

    Attributes:
        phase: What is being done, in words that go into a message.
        steps: Seconds of each optimiser step, without loading.
        pictures: Path of each evaluated picture -> seconds of its prediction.
        saving: Seconds of a checkpoint.
        failures: What hooks could not do, though it ended nothing: the panel.
    """

    priority = 'VERY_HIGH'  # the clock stops before other hooks work

    def __init__(self) -> None:
        self.phase = 'building the model'
        self.steps: list[float] = []
        self.pictures: dict[str, float] = {}
        self.saving = 0.0
        self.failures: list[str] = []
        self._saving_since: float | None = None

    def before_train(self, runner: Runner) -> None:
        """The checks before the first step follow."""
        self.phase = 'checking the training data'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: list[dict] | None = None
    ) -> None:
        """A step begins."""
        self.phase = f'training step {batch_idx + 1}'
        self._since = _now()

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """A step is done; what follows is reading the next one or saving."""
        self.steps.append(_now() - self._since)
        self.phase = 'reading training pictures'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """A checkpoint is written."""
        self.phase = 'saving a checkpoint'
        self._saving_since = time.perf_counter()

    def after_train(self, runner: Runner) -> None:
        """The checks before the test follow."""
        self.phase = 'checking the test data'

    def before_val_epoch(self, runner: Runner) -> None:
        """A validation begins, right after a checkpoint."""
        if self._saving_since is not None:
            self.saving = time.perf_counter() - self._saving_since
        self.phase = 'reading validation pictures'

    def before_test_epoch(self, runner: Runner) -> None:
        """A test begins."""
        self.phase = 'reading test pictures'

    def before_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None
    ) -> None:
        """A validation picture."""
        self._begin(runner, 'validating', data_batch)

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None
    ) -> None:
        """A test picture."""
        self._begin(runner, 'testing', data_batch)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Its time."""
        self._end(outputs)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Its time."""
        self._end(outputs)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """What follows is saving or the test."""
        self.phase = 'finishing the validation'

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """What follows are the panel and the record."""
        self.phase = 'finishing the test (record and pictures)'

    def after_run(self, runner: Runner) -> None:
        """Failures that hooks tell in a line and go on."""
        for hook in runner.hooks:
            failure = getattr(hook, 'failure', None)
            if failure and failure not in self.failures:
                self.failures.append(failure)

    def _begin(self, runner: Runner, what: str, batch: dict[str, Any] | None) -> None:
        size, disk, path = first_picture(batch)
        self.phase = f'{what} {path} ({disk[0]} x {disk[1]})'
        _refuse_if_too_large(without_wrapper(runner.model), size, disk)
        self._since = _now()

    def _end(self, outputs: Sequence | None) -> None:
        seconds = (_now() - self._since) / max(1, len(outputs or ()))
        for sample in outputs or ():
            path = sample.metainfo.get('img_path', '')
            self.pictures[path] = min(seconds, self.pictures.get(path, seconds))


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _refuse_if_too_large(
    model: torch.nn.Module, size: tuple[int, ...], disk: tuple[int, ...]
) -> None:
    """Raise where the maps that a prediction must hold are larger than the memory that is left."""
    if not isinstance(bare(model), KnowsItsMemory):
        return
    held = model.prediction_memory(size, disk).held
    device = next(model.parameters()).device
    if device.type == 'cuda':
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        left = torch.cuda.mem_get_info(device)[0] + cached
    else:
        left = available_memory()
    if left is not None and held > left:
        raise UserError(
            f'the prediction alone holds {held / _GIB:.1f} GiB, and {left / _GIB:.1f} GiB of '
            f'{"the GPU" if device.type == "cuda" else "memory"} are left: set '
            'model.test_cfg.memory_budget (MiB) lower, leave model.test_cfg.keep_logits out, or '
            'make the largest pictures smaller'
        )
