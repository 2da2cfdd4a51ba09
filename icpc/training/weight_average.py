"""Exponential moving average of the trained weights."""

from typing import Any

import torch
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ..building import bare
from ..config.switches import check_decay
from ..evaluation.around_evaluation import AroundEvaluation
from ..ranks.fsdp import split_as, whole

KEY = 'ema_state_dict'  # as in mmengine's checkpoints: what `state_dict` does not hold


@HOOKS.register_module()
class WeightAverageHook(AroundEvaluation):
    """average <- decay * average + (1 - decay) * weights, after each optimiser step.

    As with mmengine's EMAHook, the average starts as the weights after the first step, validation
    and test use it, and a checkpoint's `state_dict` holds it (the weights themselves are beside it,
    for resuming). Unlike there, frozen weights are not copied. Buffers (running statistics) are the
    model's own.

    Args:
        decay: In (0, 1), such as 0.9998; None for no average.

    Raises:
        UserError: For a decay out of range.
    """

    priority = 'NORMAL'

    def __init__(self, decay: float | None) -> None:
        check_decay(decay)
        self.decay = decay
        self._weights: dict[str, Tensor] = {}
        self._average: dict[str, Tensor] = {}

    @property
    def averages(self) -> bool:
        """Whether there is an average, which checkpoints hold beside the weights."""
        return self.decay is not None

    def before_train(self, runner: Runner) -> None:
        """Take hold of the trained weights."""
        if self.averages:
            model = bare(runner.model)
            self._weights = {
                name: p.detach() for name, p in model.named_parameters() if p.requires_grad
            }
            self._average = {
                name: split_as(average, self._weights[name])
                for name, average in self._average.items()
            }

    @torch.no_grad()
    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Average in the step's weights."""
        if not self._average:
            self._average = {name: weight.clone() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            self._average[name].lerp_(weight, 1 - self.decay)

    def enter(self, runner: Runner) -> None:
        """Evaluate the average."""
        self._swap()

    def leave(self, runner: Runner) -> None:
        """Go on with the weights."""
        self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        """Exchange the values in place: views, optimisers and wrappers keep their tensors."""
        for name, average in self._average.items():
            weight = self._weights[name].clone()
            self._weights[name].copy_(average)
            average.copy_(weight)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Save the average as the model's weights, and the weights beside it."""
        state = checkpoint['state_dict']
        if self._average:
            checkpoint[KEY] = {name: state[name] for name in self._average}
            state.update(whole(self._average))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Resume weights and average; a checkpoint made without an average begins one."""
        weights = checkpoint.get(KEY)
        if weights is None or not runner.cfg.get('resume'):
            return
        state = checkpoint['state_dict']
        if self.averages:
            self._average = {name: state[name].clone() for name in weights}
        state.update(weights)
