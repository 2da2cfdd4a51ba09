"""The class list of a config: from the dataset class, from the user, and the two compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UserError, did_you_mean
from .interpolation import Interpolator
from .signatures import find_type

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def fill_classes(tree: dict[str, Any]) -> list[str] | None:
    """Set `class_names`, and the datasets' metainfo where `classes` chooses among their classes.

    Args:
        tree: The config, `${...}` not yet resolved; changed in place.

    Returns:
        The class names without outer spaces, None when the config has no dataset that knows them.

    Raises:
        UserError: For a class the dataset does not know, or a missing names file.
    """
    datasets = [
        tree[key]['dataset']
        for key in _LOADERS
        if isinstance(tree.get(key), dict) and 'dataset' in tree[key]
    ]
    if not datasets:
        return None
    known = _known_classes(tree, datasets[0])
    chosen = _chosen_classes(Interpolator(tree).resolve(tree.get('classes'), 'classes'))
    if chosen is not None:
        names = [_spelling(name, known) for name in chosen]
        for dataset in datasets:
            dataset['metainfo'] = {**(dataset.get('metainfo') or {}), 'classes': names}
    else:
        names = known
    if names is None:
        return None
    tree['class_names'] = [name.strip() for name in names]
    return tree['class_names']


def _known_classes(tree: dict[str, Any], dataset: dict[str, Any]) -> list[str] | None:
    own = Interpolator(tree).resolve(
        {key: dataset.get(key) for key in ('type', 'metainfo')}, 'train_dataloader.dataset'
    )
    if (own['metainfo'] or {}).get('classes') is not None:
        return list(own['metainfo']['classes'])
    cls = find_type(own['type'], 'train_dataloader.dataset')
    classes = getattr(cls, 'METAINFO', {}).get('classes')
    return list(classes) if classes is not None else None


def _chosen_classes(classes: Any) -> list[str] | None:
    if isinstance(classes, str):
        file = Path(classes)
        if not file.is_file():
            raise UserError(
                f'classes={classes}: no such names file (one class name a line), or give a list'
            )
        classes = file.read_text().splitlines()
        classes = [line.strip() for line in classes if line.strip()]
    if classes is None:
        return None
    if not classes or len(set(classes)) != len(classes):
        raise UserError(f'classes must be a list of different names, got {classes!r}')
    return [str(name) for name in classes]


def _spelling(name: str, known: list[str] | None) -> str:
    """The dataset's own spelling of a name: ADE20K writes 'bed ' with a trailing space."""
    if known is None:
        return name
    spellings = {original.strip(): original for original in known}
    if name.strip() not in spellings:
        raise UserError(
            f'classes: the dataset has no class {name!r}{did_you_mean(name, spellings)}'
        )
    return spellings[name.strip()]
