"""The class list of a config: from the dataset class, from the user, and the two compared."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..datasets.checks.verification import LOADERS
from ..datasets.folder import NAMES_FILE, FolderDataset
from ..errors import UserError, did_you_mean
from ..names_file import read_names, refuse_repeated
from .interpolation import Interpolator
from .signatures import find_type

_READ = ('type', 'metainfo', 'data_root', 'all_classes', 'ignore_index')
_IGNORED_BY_MMSEG = 255  # its label_map gives this to the classes that were not chosen


def fill_classes(tree: dict[str, Any]) -> list[str] | None:
    """Set `class_names`, and the datasets' metainfo where `classes` chooses among their classes.

    Names decide, never places: every dataset maps the ids of its own files to the chosen list, and
    ignores the rest.

    Args:
        tree: The config, `${...}` not yet resolved; changed in place.

    Returns:
        The class names without outer spaces, None when the config has no dataset that knows them.

    Raises:
        UserError: For a class the dataset does not know, one that comes twice, fewer than two, a
            missing names file, or a dataset that would rename its ids instead of choosing.
    """
    datasets = {
        key: tree[key]['dataset']
        for key in LOADERS
        if isinstance(tree.get(key), dict) and isinstance(tree[key].get('dataset'), dict)
    }
    if not datasets:
        return None
    resolver = Interpolator(tree)
    known = {key: _KnownClasses(resolver, key, dataset) for key, dataset in datasets.items()}
    chosen = _chosen_classes(resolver.resolve(tree.get('classes'), 'classes'))
    names = chosen if chosen is not None else next(iter(known.values())).present()
    if names is None:
        return None
    for key, dataset in datasets.items():
        known[key].choose(dataset, names, chosen is not None)
    if len(names) < 2:
        raise UserError(
            f'classes: {names[0]!r} alone leaves nothing to tell apart, since pixels of no class '
            'are ignored; take two classes or more (such as a background)'
        )
    tree['class_names'] = [name.strip() for name in names]
    return tree['class_names']


class _KnownClasses:
    """What one dataset of a config knows of its classes.

    Args:
        resolver: The resolver of the config's variables.
        loader: Where the dataset stands, such as `train_dataloader`.
        dataset: Its config.
    """

    def __init__(self, resolver: Interpolator, loader: str, dataset: dict[str, Any]) -> None:
        self.path = f'{loader}.dataset'
        if not isinstance(dataset, dict):
            raise UserError(f'{self.path} must be dict(type=...), got {dataset!r}')
        self.own = resolver.resolve({key: dataset.get(key) for key in _READ}, self.path)
        self.cls = find_type(self.own['type'], self.path)
        self.reads_file = inspect.isclass(self.cls) and issubclass(self.cls, FolderDataset)
        metainfo = self.own['metainfo'] or {}
        self.given = metainfo.get('classes') if isinstance(metainfo, dict) else metainfo
        if self.given is not None and not (self.given and isinstance(self.given, (list, tuple))):
            raise UserError(
                f'{self.path}.metainfo must be a dict such as dict(classes=[...]), got '
                f'{self.own["metainfo"]!r}'
            )
        self.all = self._all()

    def _all(self) -> list[str] | None:
        """Names of the ids in the files; None where they stand in a file that is not there."""
        if not self.reads_file:
            return getattr(self.cls, 'METAINFO', {}).get('classes') or self.given
        listed = self.own['all_classes'] or NAMES_FILE
        if not isinstance(listed, str):
            return listed
        self.file = Path(self.own['data_root'] or '') / listed
        return read_names(self.file, str(self.file)) if self.file.is_file() else None

    def present(self) -> list[str] | None:
        """The dataset's classes where the config chooses none."""
        names = self.all if self.given is None else self.given
        if names is None and self.reads_file:
            raise UserError(
                f'{self.file}: no such names file (one class name a line, in the order of the ids '
                f'in the masks); set data_root to the prepared folder'
            )
        return None if names is None else list(names)

    def choose(self, dataset: dict[str, Any], names: list[str], by_user: bool) -> None:
        """Write the choice into the dataset's config."""
        if not by_user and not self.reads_file:
            return
        spelled = [
            _spelling(name, self.all if self.given is None else self.given) for name in names
        ]
        metainfo = {**(dataset.get('metainfo') or {}), 'classes': spelled}
        if self.reads_file:
            dataset.update({'all_classes': list(self.all)} if self.all is not None else {})
        elif self.all is not None and spelled != list(self.all):
            self._check_label_map()
            palette = (self.own['metainfo'] or {}).get('palette') or self.cls.METAINFO.get(
                'palette'
            )
            if palette is not None and len(palette) == len(self.all):
                # MMSegmentation takes the colours of a subset, but not of another order.
                metainfo['palette'] = [palette[list(self.all).index(name)] for name in spelled]
        dataset['metainfo'] = metainfo

    def _check_label_map(self) -> None:
        """Raise where MMSegmentation would not map the ids, or not ignore the rest."""
        kind = getattr(self.cls, '__name__', self.cls)
        if not getattr(self.cls, 'METAINFO', {}).get('classes'):
            raise UserError(
                f'classes: {kind} does not say which classes the ids in its files mean, so that '
                f'choosing would rename them; take FolderDataset with all_classes=[...] and '
                'LoadWideAnnotations'
            )
        ignored = self.own['ignore_index']
        ignored = _default(self.cls, 'ignore_index') if ignored is None else ignored
        if ignored != _IGNORED_BY_MMSEG:
            raise UserError(
                f'{self.path}.ignore_index={ignored}: the classes of {kind} that are not chosen '
                f'become {_IGNORED_BY_MMSEG}; set ignore_index={_IGNORED_BY_MMSEG}'
            )


def _default(cls: Callable[..., Any], name: str) -> Any:
    """An argument's default, which may stand in a class above."""
    for base in cls.__mro__:
        parameter = inspect.signature(base.__init__).parameters.get(name)
        if parameter is not None:
            return parameter.default
    return None


def _chosen_classes(classes: Any) -> list[str] | None:
    if classes is None:
        return None
    if isinstance(classes, str):
        names = read_names(classes, f'classes={classes}')
    elif isinstance(classes, (list, tuple)) and classes:
        names = [str(name) for name in classes]
        refuse_repeated(names, 'classes')
    else:
        raise UserError(f'classes must be a list of different names, or a file, got {classes!r}')
    return names


def _spelling(name: str, known: list[str] | None) -> str:
    """The dataset's own spelling of a name: ADE20K writes 'bed ' with a trailing space."""
    if known is None:
        return name.strip()
    spellings = {original.strip(): original for original in known}
    if name.strip() not in spellings:
        raise UserError(f'classes: the dataset has no class {name!r}{_hint(name, spellings)}')
    return spellings[name.strip()]


def _hint(name: str, known: dict[str, str]) -> str:
    """The class of which a name is one synonym, or the one most like it."""
    for original in known:
        if name.strip().lower() in (part.strip().lower() for part in original.split(',')):
            return f'; did you mean {original!r}?'
    return did_you_mean(name, known)
