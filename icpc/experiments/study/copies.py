"""A study as a file of its own, for tasks that begin when the study file may have been edited."""

import hashlib
from pathlib import Path
from pprint import pformat

from ...files import write_text_atomically
from ..execution.snapshot import Snapshot
from .schema import Study

_DIGITS = 10
_WIDTH = 100  # characters of a line


def copy_study(study: Study, snapshot: Snapshot) -> Path:
    """Write what a study file came to, with the snapshot's config as its base.

    The copy holds values alone, so it needs nothing that the study file read or imported.

    Args:
        study: The study.
        snapshot: Where the copy goes, into a folder named by its content.

    Returns:
        A study file.
    """
    values = {**study.model_dump(exclude={'name'}), 'base': str(snapshot.config)}
    text = ''.join(
        f'{key} = {pformat(value, width=_WIDTH, sort_dicts=False)}\n'
        for key, value in values.items()
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    path = snapshot.folder / 'studies' / digest / f'{study.name}.py'
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(text, path)
    return path
