"""The project's own configs, which no test changes, are read once: hundreds of tests load them."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@contextmanager
def read_once() -> Iterator[None]:
    """Meanwhile mmengine gets copies of what it has read of `configs/` before."""
    plain: Callable[..., tuple] = Config._file2dict
    kept = lru_cache(maxsize=None)(plain)

    def file2dict(filename: str, *args: object, **options: object) -> tuple:
        path = Path(filename)
        if path.is_absolute() and path.is_relative_to(CONFIGS):
            return copy.deepcopy(kept(str(path), *args, **options))
        return plain(filename, *args, **options)

    # In a traceback it stands as mmengine's, or it would pass for a user's own code.
    file = plain.__code__.co_filename
    file2dict.__code__ = file2dict.__code__.replace(co_filename=file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, '_file2dict', staticmethod(file2dict))
        yield
