"""What evaluators return, as plain numbers."""

import math
from numbers import Real
from typing import Any

import numpy as np
import torch


def numbers(metrics: dict[str, Any] | None) -> dict[str, float]:
    """The entries that are one number each, as Python's own; NumPy's and tensors become such.

    Args:
        metrics: Of any evaluator; lists, texts and the like are left out.
    """
    plain = {key: _plain(value) for key, value in (metrics or {}).items()}
    return {key: value for key, value in plain.items() if isinstance(value, Real)}


def shown(value: float) -> str:
    """A number for reading: two digits after the point, more where they would show nothing."""
    return f'{value:.2f}' if value == 0 or not abs(value) < 0.1 else f'{value:.3g}'


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, such as 1:02:03 or 2:03; a dash for nan."""
    if math.isnan(seconds):
        return '-'
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{rest:02d}' if hours else f'{minutes}:{rest:02d}'


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.item() if value.size == 1 else value
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else value
    return value
