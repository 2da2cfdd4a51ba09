"""What training and testing share: the checks before a run, and the report after it."""

from __future__ import annotations

import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from ..datasets.verification import verify_layout
from ..evaluation.streaming_iou import StreamingIoU
from ..evaluation.table import per_class_table
from .console import say


def silence_console() -> None:
    """Before a Runner exists, mmengine prints through a logger of its own."""
    MMLogger.get_current_instance().handlers = [logging.NullHandler()]


def check_data(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Check the layout of the datasets that a run will read.

    Args:
        cfg: A finished config.
        loaders: Names such as `train_dataloader`.
    """
    for name in loaders:
        if cfg.get(name):
            verify_layout(cfg[name].dataset)


def report(runner: Runner, metrics: dict[str, float]) -> None:
    """Print the per-class table; the very last lines are the score map's mIoU and the head's."""
    metric = next((m for m in runner.test_evaluator.metrics if isinstance(m, StreamingIoU)), None)
    if metric is not None:
        say(per_class_table(metric.class_names, metric.results_by_key))
    if 'score_mIoU' in metrics:
        say(f'score map mIoU: {metrics["score_mIoU"]:.2f}')
    say(f'mIoU: {metrics["mIoU"]:.2f}')


def use_default_work_dir(config: str | Path, work_dir: str | None, suffix: str = '') -> str:
    """The folder a run writes to unless told otherwise."""
    return work_dir or str(Path('work_dirs') / (Path(config).stem + suffix))
