"""Shared by all tests: one thread (faster on small tensors), tiny CLIPs, toy runs."""

import copy
import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from known_configs import read_once
from mmseg.utils import register_all_modules
from tiny_clips import TINY_RESNET, TINY_VIT
from toy_run import write_config
from unformatted import keep_layout
from yapf.yapflib import yapf_api

import icpc  # noqa: F401  (registers every module)

torch.set_num_threads(1)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The content of a file names no test: it may hold the time at which it was made.

    Two workers that collect a second apart would otherwise not have the same tests.
    """
    return argname if isinstance(val, bytes) else None


register_all_modules(init_default_scope=True)


@pytest.fixture(scope='session', autouse=True)
def _quick_collection() -> Iterator[None]:
    """Datasets collect garbage when they are built; what was imported before is none."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope='session', autouse=True)
def _plain_configs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, read_once():
        patch.setattr(yapf_api, 'FormatCode', keep_layout)
        yield


@pytest.fixture(autouse=True)
def _notes_as_at_the_start() -> Iterator[None]:
    """A tool that runs within this process takes icpc's notes to its console.

    Fixtures of modules and of the session that run one come before this one.
    """
    _quiet_notes()
    yield
    _quiet_notes()


def _quiet_notes() -> None:
    notes = logging.getLogger('icpc')
    notes.propagate, notes.level, notes.handlers = True, logging.NOTSET, []


@pytest.fixture
def tiny_resnet_cfg() -> dict:
    return copy.deepcopy(TINY_RESNET)


@pytest.fixture
def tiny_vit_cfg() -> dict:
    return copy.deepcopy(TINY_VIT)


@pytest.fixture
def toy_config(tmp_path: Path) -> Path:
    return write_config(tmp_path, low=0)


@pytest.fixture
def labelled_config(tmp_path: Path) -> Path:
    """Every pixel labelled: the mean over labelled pixels is the same however a batch is split."""
    return write_config(tmp_path, low=1)
