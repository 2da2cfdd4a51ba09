"""The weights that are evaluated: what a hook changes before a validation or test, and undoes."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.hooks import Hook
from mmengine.runner import Runner


class AroundEvaluation(Hook):
    """Changes the model for the time of an evaluation.

    All ranks enter and leave, so both may speak with the other ranks.
    """

    def enter(self, runner: Runner) -> None:
        """Put in place what is to be evaluated."""
        raise NotImplementedError

    def leave(self, runner: Runner) -> None:
        """Put back what was there before."""
        raise NotImplementedError

    def before_val_epoch(self, runner: Runner) -> None:
        """Before the first picture of a validation."""
        self.enter(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """After its last one."""
        self.leave(runner)

    def before_test_epoch(self, runner: Runner) -> None:
        """Before the first picture of a test."""
        self.enter(runner)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """After its last one."""
        self.leave(runner)


@contextmanager
def evaluated_weights(runner: Runner) -> Iterator[None]:
    """Inside, the model is as in an evaluation: averaged, and whole on every rank.

    A rank may then predict alone, since no forward pass waits for other ranks. All ranks must
    enter, each at the same place of its way, whether they predict or not.

    Args:
        runner: Outside of its own validation and test.
    """
    hooks = [hook for hook in runner.hooks if isinstance(hook, AroundEvaluation)]
    for hook in hooks:
        hook.enter(runner)
    try:
        yield
    finally:
        for hook in hooks:
            hook.leave(runner)
