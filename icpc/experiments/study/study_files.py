"""A study as files: the index of its runs, and a copy for tasks that begin later."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from pprint import pformat

from ...files import write_text_atomically
from .runs import Run
from .schema import Study

INDEX = 'study.json'
_INDEXED = {'name', 'base', 'split', 'baseline', 'metrics', 'comparisons'}
_DIGITS = 10
_WIDTH = 100  # characters of a line


def write_index(study: Study, runs: Sequence[Run], out: Path) -> None:
    """Write `study.json`: which work directory is which run.

    Args:
        study: The study.
        runs: All its runs.
        out: The folder of the study.
    """
    index = {
        **study.model_dump(mode='json', include=_INDEXED),
        'runs': [
            {
                **{key: getattr(run, key) for key in ('regime', 'row', 'seed')},
                'work_dir': str(run.work_dir.relative_to(out)),
            }
            for run in runs
        ],
    }
    out.mkdir(parents=True, exist_ok=True)
    write_text_atomically(json.dumps(index, indent=1), out / INDEX)


def copy_study(study: Study, folder: Path, base: Path) -> Path:
    """Write what a study file came to, as a study file that may be read when the first was edited.

    The copy holds values alone, so it needs nothing that the study file read or imported.

    Args:
        study: The study.
        folder: Where the copy goes, into a folder named by its content.
        base: The copy of the study's config.
    """
    values = {**study.model_dump(exclude={'name'}), 'base': str(base)}
    text = ''.join(
        f'{key} = {pformat(value, width=_WIDTH, sort_dicts=False)}\n'
        for key, value in values.items()
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    path = folder / 'studies' / digest / f'{study.name}.py'
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(text, path)
    return path
