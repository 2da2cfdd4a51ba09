"""What training and testing share before a run."""

import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from ..datasets.checks.verification import verify_layout


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


def use_default_work_dir(config: str | Path, work_dir: str | None, suffix: str = '') -> str:
    """The folder a run writes to unless told otherwise."""
    return work_dir or str(Path('work_dirs') / (Path(config).stem + suffix))
