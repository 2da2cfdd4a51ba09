"""The training loop whose unit is the global batch."""

from typing import Any

import torch
from mmengine.dist import broadcast, get_rank, get_world_size
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from torch.utils.data import DataLoader

from ..ranks.running_statistics import average_running_statistics
from .data_order import PositionSampler
from .finite import raise_if_not_finite
from .global_mean import GlobalMean, mean_of_step
from .idle_parameters import watch_first_pass
from .keyed_random import MODEL, seed_all
from .preemption import Requeue


@LOOPS.register_module()
class GlobalBatchLoop(IterBasedTrainLoop):
    """One iteration = one optimiser step = `accumulation` forward and backward passes.

    mmengine's `accumulative_counts` alone would make `max_iters`, the schedulers and the validation
    interval count passes; here they all count optimiser steps.

    A step depends on the checkpoint before it and on its number alone: its images and their
    augmentation follow from their position (`PositionSampler`), the model's random numbers from
    (seed, step, pass, rank). On SIGTERM or SIGUSR1, as `runner.signals` notes them, the loop raises
    `Requeue` after the step.

    Args:
        runner: A `SafeRunner`; its optimiser wrapper must have been built with
            `accumulative_counts=accumulation`.
        dataloader: Gives the images of one pass.
        max_iters: Optimiser steps.
        val_begin: First step after which validation may run.
        val_interval: Steps between validations.
        accumulation: Passes of each rank in one step.

    Attributes:
        validated: The last step whose validation is done.
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
        self.validated = 0

    def run(self) -> torch.nn.Module:
        """Train until `max_iters` optimiser steps are done.

        Raises:
            Requeue: After a signal; a checkpoint was saved, if there is a checkpoint hook.
        """
        model = self.runner.model
        bare = model.module if is_model_wrapper(model) else model
        ignored = getattr(self.dataloader.dataset, 'ignore_index', 255)
        self._mean = GlobalMean(bare, ignored, self.accumulation)
        waits = get_world_size() > 1 and not getattr(model, 'find_unused_parameters', False)
        watch_first_pass(bare, refuse=waits)
        try:
            self._start()
            self._train()
        finally:
            self._mean.close()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return model

    def _start(self) -> None:
        runner = self.runner
        passes = (self._iter * self.accumulation, self._max_iters * self.accumulation)
        runner.optim_wrapper.initialize_count_status(runner.model, *passes)
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        seed = torch.tensor(runner.seed or 0)
        broadcast(seed)  # ranks may have been given seeds of their own
        self._seed = int(seed)
        if isinstance(self.dataloader.sampler, PositionSampler):
            share = self.dataloader.batch_size * self.accumulation
            self.dataloader.sampler.begin(self._iter, share, self._seed)
        else:
            self.dataloader_iterator.skip_iter(passes[0])

    def _train(self) -> None:
        try:
            self._validate_if_due()  # a former process may have been stopped in between
            while self._iter < self._max_iters and not self.stop_training:
                self.runner.model.train()
                self.run_iter([next(self.dataloader_iterator) for _ in range(self.accumulation)])
                if self._told:
                    raise Requeue
                self._validate_if_due()
        except Requeue:
            self.runner.call_hook('before_requeue')
            raise

    def _validate_if_due(self) -> None:
        step = self._iter
        due = step % self.val_interval == 0 or step == self._max_iters
        if self.runner.val_loop is None or not due or step < self.val_begin:
            return
        if self.validated < step and step > 0:
            self.runner.val_loop.run()
            self.validated = step
            self.runner.call_hook('after_validated')

    def run_iter(self, batches: list[dict[str, Any]]) -> None:
        """Do one optimiser step.

        Args:
            batches: The data of the passes, `accumulation` of them.

        Raises:
            UserError: When a loss is not finite.
        """
        self.runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=batches)
        passes = []
        for index, weights in enumerate(self._mean.weigh(batches)):
            self._mean.weights = weights
            seed_all(MODEL, self._seed, self._iter, index, get_rank())
            step = self.runner.model.train_step(batches[index], self.runner.optim_wrapper)
            passes.append(step)
        self._mean.weights = None
        outputs, self._told = mean_of_step(passes, self.runner.signals.came)
        raise_if_not_finite(outputs, passes, batches, iteration=self._iter + 1)
        average_running_statistics(self.runner.model)
        self.runner.call_hook(
            'after_train_iter', batch_idx=self._iter, data_batch=batches, outputs=outputs
        )
        self._iter += 1
