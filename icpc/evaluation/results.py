"""The numbers of an evaluation: printed and recorded before any hook that may fail after it."""

from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..console.messages import say
from ..console.numbers import numbers, shown
from .streaming_iou import StreamingIoU
from .table import per_class_table

_HEADLINES = {'score_mIoU': 'score map mIoU', 'mIoU': 'mIoU'}  # the last lines, in this order
_MOST_CHARACTERS = 80


class ResultsHook(Hook):
    """Prints what a test gave, and has it recorded, when all other hooks know it.

    Args:
        record: Called with the metrics after they are printed; None for nothing to record.
    """

    priority = 'LOWEST'

    def __init__(self, record: Callable[[Runner, dict[str, Any]], None] | None = None) -> None:
        self._record = record
        self._tested: dict[str, Any] = {}
        self._validated: dict[str, Any] = {}

    def after_val_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        """The last validation counts where there is no test."""
        self._validated = metrics or {}

    def after_test_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        """Print and record."""
        self._tested = metrics or {}
        self._print(runner.test_evaluator, self._tested)
        if self._record is not None:
            self._record(runner, self._tested)

    def of_test(self, runner: Runner) -> dict[str, Any]:
        """Test, and return the metrics.

        The very last lines are the score map's mIoU and the head's, where they are known, also when
        a hook fails after the evaluation: then its error follows.
        """
        try:
            return runner.test()
        finally:
            self._conclude(self._tested)

    def of_validation(self, runner: Runner) -> dict[str, Any]:
        """The metrics of the last validation, printed again as a test's; none without any."""
        if self._validated:
            say('no test split; the last validation:')
            self._print(runner.val_loop.evaluator, self._validated)
            self._conclude(self._validated)
        return self._validated

    @staticmethod
    def _conclude(metrics: dict[str, Any]) -> None:
        known = numbers(metrics)
        for key, name in _HEADLINES.items():
            if key in known:
                say(f'{name}: {known[key]:.2f}')

    def _print(self, evaluator: Any, metrics: dict[str, Any]) -> None:
        for metric in evaluator.metrics:
            if isinstance(metric, StreamingIoU):
                say(per_class_table(metric.class_names, metric.results_by_key))
        known = numbers(metrics)
        for key, value in metrics.items():
            if key not in known:
                say(f'{key}: {_short(value)} (not recorded: it is no number)')
            elif key not in _HEADLINES:
                say(f'{key}: {shown(known[key])}')


def _short(value: Any) -> str:
    text = ' '.join(str(value).split())
    return text if len(text) <= _MOST_CHARACTERS else f'{text[:_MOST_CHARACTERS]}...'
