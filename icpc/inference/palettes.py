"""Colours of classes, by their names."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config.signatures import find_type
from .own_classes import SEPARATOR, first_word


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
        names: K names, or lines of a vocabulary: a class whose first word is not known has the
            colour of its first synonym that is, if no other class is called so or took it.
        known: The names that `palette` has a colour for, in its order.
        palette: At least as many colours.
    """
    pairs = zip(known, np.asarray(palette).tolist(), strict=False)
    colours = {str(name).strip(): colour for name, colour in pairs}
    drawn = np.random.RandomState(42).randint(0, 255, (len(names), 3))  # as MMSegmentation's
    taken = {word for name in names for word in (name, first_word(name))}
    rows = []
    for name, other in zip(names, drawn.tolist(), strict=True):
        own = [word for word in (name, first_word(name)) if word in colours]
        free = [word for word in name.split(SEPARATOR) if word in colours.keys() - taken]
        word = next(iter((*own, *free)), None)
        rows.append(other if word is None else colours[word])
        taken.add(word)
    return np.asarray(rows, dtype=np.uint8).reshape(-1, 3)
