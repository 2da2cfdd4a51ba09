"""A toy dataset on disk and a config of a two-convolution model for it."""

from pathlib import Path

import pytest
from toy_run import write_config


@pytest.fixture
def toy_config(tmp_path: Path) -> Path:
    return write_config(tmp_path, low=0)


@pytest.fixture
def labelled_config(tmp_path: Path) -> Path:
    """Every pixel labelled: the mean over labelled pixels is the same however a batch is split."""
    return write_config(tmp_path, low=1)
