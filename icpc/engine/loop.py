"""The training loop whose unit is the global batch."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from torch import Tensor
from torch.utils.data import DataLoader

from .finite import raise_if_not_finite


@LOOPS.register_module()
class GlobalBatchLoop(IterBasedTrainLoop):
    """One iteration = one optimiser step = `accumulation` forward and backward passes.

    mmengine's `accumulative_counts` alone would make `max_iters`, the schedulers and the validation
    interval count passes; here they all count optimiser steps.

    Args:
        runner: The runner; its optimiser wrapper must have been built with
            `accumulative_counts=accumulation`.
        dataloader: Gives the images of one pass.
        max_iters: Optimiser steps.
        val_begin: First step after which validation may run.
        val_interval: Steps between validations.
        accumulation: Passes of each rank in one step.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        accumulation: int = 1,
    ) -> None:
        super().__init__(runner, dataloader, max_iters, val_begin, val_interval)
        self.accumulation = accumulation

    def run(self) -> torch.nn.Module:
        """Train until `max_iters` optimiser steps are done."""
        self._start()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter([next(self.dataloader_iterator) for _ in range(self.accumulation)])
            due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
            if self.runner.val_loop is not None and self._iter >= self.val_begin and due:
                self.runner.val_loop.run()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def _start(self) -> None:
        passes = (self._iter * self.accumulation, self._max_iters * self.accumulation)
        self.runner.optim_wrapper.initialize_count_status(self.runner.model, *passes)
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.dataloader_iterator.skip_iter(passes[0])

    def run_iter(self, batches: list[dict[str, Any]]) -> None:
        """Do one optimiser step.

        Args:
            batches: The data of the passes, `accumulation` of them.

        Raises:
            UserError: When a loss is not finite.
        """
        self.runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=batches)
        passes = [
            self.runner.model.train_step(batch, self.runner.optim_wrapper) for batch in batches
        ]
        outputs = _mean(passes)
        raise_if_not_finite(outputs, passes, batches, iteration=self._iter + 1)
        self.runner.call_hook(
            'after_train_iter', batch_idx=self._iter, data_batch=batches, outputs=outputs
        )
        self._iter += 1


def _mean(passes: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(passes) == 1:
        return passes[0]
    return {key: torch.stack([log[key].detach() for log in passes]).mean() for key in passes[0]}
