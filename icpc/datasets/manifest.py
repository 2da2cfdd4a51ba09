"""What is remembered beside a prepared dataset: its settings, its files, what they were made of."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import UserError

NAME = 'prepared.json'
_PICTURES = ('images', 'leftImg8bit')  # folders that hold a folder of pictures for each split


def content(settings: dict[str, Any], files: dict[str, str | None], complete: bool) -> bytes:
    """The manifest.

    Args:
        settings: What the result depends on.
        files: Target -> fingerprint of its source; None of one that is still to be made.
        complete: Whether all are made.
    """
    record = dict(settings, files=files, complete=complete)
    return json.dumps(record, indent=1, sort_keys=True).encode()


def former(out: Path, settings: dict[str, Any]) -> dict[str, str | None]:
    """The files of an earlier run; without fingerprints where they are to be made anew.

    Raises:
        UserError: A manifest that cannot be read, or a finished run with other settings.
    """
    record = _read(out)
    files = record.get('files')
    files = files if isinstance(files, dict) else {}  # a number, where an older version wrote it
    other = sorted(key for key, value in settings.items() if record.get(key) != value)
    if not record or not other:
        return files
    if record.get('complete') or record.get('dataset') != settings.get('dataset'):
        key = other[0]
        raise UserError(
            f'{out} was prepared with {key}={record.get(key)!r}, now it is {settings[key]!r}; '
            'give another --out, or remove that folder first'
        )
    return dict.fromkeys(files)


def is_complete(out: Path) -> bool:
    """Whether a dataset was prepared here to the end."""
    try:
        return bool(_read(out).get('complete'))
    except UserError:
        return False


def dataset_in(folder: Path) -> str | None:
    """The name by which a folder was prepared, such as `ade20k`; None where it was not.

    Raises:
        UserError: The manifest cannot be read.
    """
    name = _read(folder).get('dataset')
    return name if isinstance(name, str) else None


def fingerprint(data: bytes) -> str:
    """A number of 128 bits in hexadecimal digits that other content does not have."""
    return hashlib.sha256(data).hexdigest()[:32]


def remarks(out: Path, files: dict[str, str], targets: Iterable[Path]) -> list[str]:
    """What is worth saying of a finished folder.

    Args:
        out: The folder.
        files: Target -> fingerprint of its source, or of what it shows.
        targets: The targets' paths.
    """
    ours = set(targets)
    foreign = [
        path
        for folder in sorted({path.parent for path in ours})
        for path in sorted(folder.iterdir())
        if path.is_file() and path not in ours and path != out / NAME and path.name[0] != '.'
    ]
    said = []
    if foreign:
        said.append(
            f'{len(foreign)} files are not from this preparation, such as {foreign[0]}: a data set '
            'reads whatever is in its folders; remove them unless you want them there'
        )
    same: dict[str, list[str]] = defaultdict(list)
    for target, mark in sorted(files.items()):
        if target.startswith(tuple(f'{top}/' for top in _PICTURES)):
            same[mark].append(target)
    twice = [paths for paths in same.values() if len({p.split('/')[1] for p in paths}) > 1]
    if twice:
        shown = '; '.join(' = '.join(paths) for paths in twice[:3])
        said.append(
            f'{len(twice)} pictures are in two splits under several names, so that scores on them '
            f'tell little: {shown}'
        )
    return said


def _read(out: Path) -> dict[str, Any]:
    path = out / NAME
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text())
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise UserError(
            f'{path}: damaged, so that it does not tell which files are ours; give '
            'another --out, or remove that folder first'
        )
    return record
