"""The training loop whose unit is the global batch."""

from typing import Any

import torch
from mmengine.dist import broadcast, get_rank, get_world_size
from mmengine.model import BaseModel
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..building import without_wrapper
from ..console.unread import are_due
from ..errors import Requeue, UserError
from ..ranks.running_statistics import average_running_statistics
from .data_order import PositionSampler
from .global_mean import GlobalMean, Weights, mean_of_step, weighted
from .idle_parameters import check_all_train
from .keyed_random import MODEL, seed_all
from .reading.finite import FiniteLosses
from .reading.late_flag import LateFlag


@LOOPS.register_module()
class GlobalBatchLoop(IterBasedTrainLoop):
    """One iteration = one optimiser step = `accumulation` forward and backward passes.

    mmengine's `accumulative_counts` alone would make `max_iters`, the schedulers and the validation
    interval count passes; here they all count optimiser steps.

    A step depends on the checkpoint before it and on its number alone: its images and their
    augmentation follow from their position (`PositionSampler`), the model's random numbers from
    (seed, step, pass, rank). On a signal to stop, as `runner.signals` notes it, the loop raises
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
        self._checked = False  # whether the losses reach every trainable parameter
        self._losses = FiniteLosses()
        self._told = LateFlag()

    def go_on(self, step: int, validated: int) -> None:
        """Continue after `step` optimiser steps, of which `validated` is the last validated one."""
        self._iter, self.validated = step, validated

    def run(self) -> nn.Module:
        """Train until `max_iters` optimiser steps are done.

        Raises:
            Requeue: After a signal; whoever started the training saves and records it.
            UserError: When a loss is not finite, or a model has a `train_step` of its own.
        """
        runner = self.runner
        _refuse_own_step(runner.bare_model)
        ignored = getattr(self.dataloader.dataset, 'ignore_index', 255)
        mean = GlobalMean(runner.bare_model, ignored, self.accumulation)
        seed = self._begin()
        self._validate_if_due()  # a former process may have been stopped in between
        while self._iter < self._max_iters and not self.stop_training:
            runner.model.train()
            runner.signals.may_leave = get_world_size() == 1  # the step is not begun
            batches = [next(self.dataloader_iterator) for _ in range(self.accumulation)]
            runner.signals.may_leave = False
            if self.run_iter(batches, mean, seed):
                raise Requeue
            self._validate_if_due()
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    def _begin(self) -> int:
        """Prepare the optimiser wrapper, the hooks and the data; returns the seed of all ranks."""
        runner = self.runner
        passes = (self._iter * self.accumulation, self._max_iters * self.accumulation)
        runner.optim_wrapper.initialize_count_status(runner.model, *passes)
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        seed = torch.tensor(runner.seed or 0)
        broadcast(seed)  # ranks may have been given seeds of their own
        if isinstance(self.dataloader.sampler, PositionSampler):
            share = self.dataloader.batch_size * self.accumulation
            self.dataloader.sampler.begin(self._iter, share, int(seed))
        else:
            self.dataloader_iterator.skip_iter(passes[0])
        return int(seed)

    def run_iter(self, batches: list[dict[str, Any]], mean: GlobalMean, seed: int) -> bool:
        """Do one optimiser step.

        Args:
            batches: The data of the passes, `accumulation` of them.
            mean: It weighs the losses of each pass.
            seed: The seed of the model's random numbers.

        Returns:
            Whether a rank was told to stop, in this step or on a GPU in the one before.

        Raises:
            UserError: When a loss is not finite; on a GPU after the last step of a `log_interval`.
        """
        self.runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=batches)
        logs = []
        for index, (batch, weights) in enumerate(zip(batches, mean.weigh(batches), strict=True)):
            seed_all(MODEL, seed, self._iter, index, get_rank())
            logs.append(self._run_pass(batch, weights))
        outputs, told = mean_of_step(logs, self.runner.signals.came)
        self._losses.add(outputs, logs, batches, iteration=self._iter + 1)
        if are_due(self.runner, outputs):
            self.check_losses()
        average_running_statistics(self.runner.model)
        self.runner.call_hook(
            'after_train_iter', batch_idx=self._iter, data_batch=batches, outputs=outputs
        )
        self._iter += 1
        return self._told.read(told, now=self._validates())

    def _run_pass(self, batch: dict[str, Any], weights: Weights) -> dict[str, Tensor]:
        """Forward and backward pass of one batch; the optimiser steps after the last of a step.

        Returns:
            The pass's log: its losses, already weighted, and other numbers.
        """
        model, optim_wrapper = self.runner.model, self.runner.optim_wrapper
        inner = without_wrapper(model)
        with optim_wrapper.optim_context(model):
            data = inner.data_preprocessor(batch, True)
            losses = model(**data, mode='loss')  # means over this pass
        if not self._checked:
            waits = get_world_size() > 1 and not getattr(model, 'find_unused_parameters', False)
            check_all_train(inner, losses, refuse=waits)
            self._checked = True
        loss, log = inner.parse_losses(weighted(losses, weights))  # shares of the global batch's
        optim_wrapper.update_params(loss)
        return log

    def check_losses(self) -> None:
        """Look at the losses of all steps done, as before a checkpoint.

        Raises:
            UserError: When one is not finite.
        """
        self._losses.check()

    def _validates(self) -> bool:
        """Whether the model is validated after the steps done."""
        step = self._iter
        due = step % self.val_interval == 0 or step == self._max_iters
        return self.runner.val_loop is not None and due and step >= self.val_begin

    def _validate_if_due(self) -> None:
        step = self._iter
        if self._validates() and self.validated < step and step > 0:
            self.check_losses()
            self.runner.val_loop.run()
            self.validated = step
            self.runner.call_hook('after_validated')


def _refuse_own_step(model: nn.Module) -> None:
    """The loop itself is the training step: a model's own one would never be called."""
    if type(model).train_step is not BaseModel.train_step:
        raise UserError(
            f'{type(model).__name__}.train_step would not be called: the training loop calls '
            "forward(mode='loss'), weighs the losses of all passes and ranks, and updates the "
            'parameters; take train_step out, or set train_cfg.type to a loop that calls it'
        )
