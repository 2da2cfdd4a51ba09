"""The names that a class may have in a prompt."""

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from ..errors import UserError, did_you_mean
from .selection import read_candidates

Names = str | Mapping[str, str | Sequence[str]] | None
_PACKAGED = files('icpc').joinpath('assets', 'class_names')


def candidate_names(names: Names, classes: Sequence[str]) -> list[list[str]]:
    """The names of each class, its own first.

    Args:
        names: a file with lines ``class: name, name, ...``, or a packaged one by its name: ``voc``,
            ``coco``, ``scenes``; a dict of class -> name or names for some of the classes; None.
            A class that has none is called as it is.
        classes: K names, without the background.

    Returns:
        K lists of at least one name.

    Raises:
        UserError: no such file, or one that does not fit the classes.
        ValueError: a name of no class, or none for a class.
    """
    if isinstance(names, str):
        found = _of_file(names, classes)
    else:
        found = {
            key: [one] if isinstance(one, str) else [*one] for key, one in (names or {}).items()
        }
    for key, words in found.items():
        if key not in classes:
            raise ValueError(f'model.names: {key!r} is no class that has tags')
        if not words or not all(isinstance(word, str) and word.strip() for word in words):
            raise ValueError(f'model.names: {key!r} needs a name, got {words!r}')
        if len(set(words)) < len(words):
            raise ValueError(f'model.names: {key!r} has a name twice: {", ".join(words)}')
    return [found.get(name, [name]) for name in classes]


def _of_file(name: str, classes: Sequence[str]) -> dict[str, list[str]]:
    if Path(name).is_file():
        return read_candidates(name, classes)
    packaged = _PACKAGED.joinpath(f'{name}.txt')
    if packaged.is_file():
        with as_file(packaged) as path:
            return read_candidates(path, classes)
    known = sorted(path.name.removesuffix('.txt') for path in _PACKAGED.iterdir())
    raise UserError(
        f'model.names={name!r}: no such file, nor packaged ({", ".join(known)})'
        f'{did_you_mean(name, known)}'
    )
