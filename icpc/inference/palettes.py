"""Colours of classes, by their names."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config.signatures import find_type


def palette_of_model(
    names: Sequence[str], known: Sequence[str], palette: Any, dataset: dict[str, Any]
) -> np.ndarray:
    """(K, 3) uint8 RGB: the checkpoint's colours, or those of the config's data set.

    Args:
        names: K names.
        known: The names that `palette` has a colour for, in its order.
        palette: The checkpoint's, or None.
        dataset: `type` and `metainfo` of the config.
    """
    own = getattr(find_type(dataset.get('type'), 'test_dataloader.dataset'), 'METAINFO', {})
    given = dataset.get('metainfo') or {}
    for classes, values in (
        (known, palette),
        (given.get('classes'), given.get('palette')),
        (own.get('classes'), own.get('palette')),
    ):
        if classes and values is not None and len(classes) <= len(values):
            return palette_for(names, classes, values)
    return palette_for(names, (), ())


def palette_for(names: Sequence[str], known: Sequence[str], palette: Any) -> np.ndarray:
    """(K, 3) uint8 RGB: a known name has its colour, and all others drawn ones.

    Args:
        names: K names.
        known: The names that `palette` has a colour for, in its order.
        palette: At least as many colours.
    """
    pairs = zip(known, np.asarray(palette).tolist(), strict=False)
    colours = {str(name).strip(): colour for name, colour in pairs}
    drawn = np.random.RandomState(42).randint(0, 255, (len(names), 3))  # as MMSegmentation's
    rows = [colours.get(name, other) for name, other in zip(names, drawn.tolist(), strict=True)]
    return np.asarray(rows, dtype=np.uint8).reshape(-1, 3)
