"""Random numbers that follow from a key alone: nothing to save, nothing to replay."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# What a key is for keeps the streams apart; the numbers are our choice.
ORDER, AUGMENTATION, MODEL = range(3)


def words(*key: int) -> np.ndarray:
    """(4,) uint32 that mix a key of integers; the same on every machine and numpy version.

    Args:
        key: Any integers, such as (purpose, seed, position).
    """
    return np.random.SeedSequence([number % 2**64 for number in key]).generate_state(4)


def permutation(size: int, *key: int) -> np.ndarray:
    """(size,) int64, a permutation of 0 ... size - 1.

    Args:
        size: How many.
        key: See `words`.
    """
    return np.random.RandomState(words(*key)).permutation(size)


@contextmanager
def keyed(*key: int) -> Iterator[None]:
    """Seed `random`, `numpy.random` and torch's CPU generator inside; undo it afterwards.

    Args:
        key: See `words`.
    """
    generator = torch.default_generator
    former = random.getstate(), np.random.get_state(), generator.get_state()
    _seed_python(*key)
    generator.manual_seed(_torch_seed(*key))
    try:
        yield
    finally:
        random.setstate(former[0])
        np.random.set_state(former[1])
        generator.set_state(former[2])


def seed_all(*key: int) -> None:
    """Seed `random`, `numpy.random` and torch's default generators of all devices.

    Args:
        key: See `words`.
    """
    _seed_python(*key)
    torch.manual_seed(_torch_seed(*key))


def _seed_python(*key: int) -> None:
    random.seed(words(*key).tobytes())
    np.random.seed(words(*key))


def _torch_seed(*key: int) -> int:
    low, high = (int(word) for word in words(*key)[:2])
    return (high << 32 | low) & (2**63 - 1)
