"""Tells a model how frequent the classes are in the training set."""

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..console.messages import say
from ..datasets.checks.class_counts import class_counts


@HOOKS.register_module()
class ClassPriorHook(Hook):
    """Counts the training set's labels for the modules that have ``set_prior``; others need none.

    Every rank counts the same masks. A model that was trained further, or resumed, has its prior in
    the checkpoint and keeps it. Held-out classes count as never seen.

    Args:
        sample: Masks read of a larger training set, evenly spread; None reads all.
    """

    priority = 'VERY_HIGH'

    def __init__(self, sample: int | None = 2000) -> None:
        self.sample = sample

    def before_train(self, runner: Runner) -> None:
        """Count once, before the first step."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        wanting = [module for module in model.modules() if hasattr(module, 'set_prior')]
        wanting = [module for module in wanting if not module.prior.any()]
        if not wanting:
            return
        counts = torch.from_numpy(class_counts(runner.train_dataloader.dataset, self.sample))
        held_out = getattr(model, 'held_out', None)
        if held_out is not None:
            seen = torch.zeros_like(counts, dtype=torch.bool)
            seen[held_out.kept.cpu()] = True
            counts = counts.where(seen, 0)
        for module in wanting:
            module.set_prior(counts.to(module.prior.device))
        frequent = model.class_names[int(counts.argmax())]
        share = counts.max() / counts.sum().clamp(min=1)
        say(f'class prior from the training set: {frequent} is the most frequent, {share:.1%}')
