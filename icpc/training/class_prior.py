"""Tells a model how frequent the classes are in the training set."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..building import bare
from ..console.messages import say
from ..datasets.checks.class_counts import class_counts
from ..parts import HoldsOutClasses, TakesClassPrior


@HOOKS.register_module()
class ClassPriorHook(Hook):
    """Counts the training set's labels for the modules that take a class prior.

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
        model = bare(runner.model)
        takers = [module for module in model.modules() if isinstance(module, TakesClassPrior)]
        wanting = [module for module in takers if not module.prior.any()]
        if not wanting:
            return
        counts = torch.from_numpy(class_counts(runner.train_dataloader.dataset, self.sample))
        trained = model.trained_classes if isinstance(model, HoldsOutClasses) else None
        if trained is not None:
            seen = torch.zeros_like(counts, dtype=torch.bool)
            seen[trained.cpu()] = True
            counts = counts.where(seen, 0)
        for module in wanting:
            module.set_prior(counts.to(module.prior.device))
        frequent = model.class_names[int(counts.argmax())]
        share = counts.max() / counts.sum().clamp(min=1)
        say(f'class prior from the training set: {frequent} is the most frequent, {share:.1%}')
