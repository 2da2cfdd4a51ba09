"""The records of stages that train nothing: what they were made of, and whether they are done."""

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..console.messages import say
from ..errors import UserError
from ..run_dir.fingerprints import PACKAGE, code_fingerprint, short
from ..run_dir.lock import only_writer
from ..run_dir.provenance import command_line, git_state, machine, versions
from ..run_dir.record import FINISHED, RUNNING, RunRecord, whole_record, write_record
from .shared_stages import take_stage


def finished_source(source: Path) -> RunRecord:
    """The record of the run that a stage takes its maps from.

    Raises:
        UserError: It is not finished.
    """
    model = RunRecord.of(source)
    if not model.finished:
        raise UserError(f'{source}: holds no finished run; train it to its end first')
    return model


def recorded_stage(
    out: Path,
    source: RunRecord,
    settings: dict[str, dict[str, Any]],
    work: Callable[[], dict[str, Any]],
    share: bool = False,
) -> dict[str, float]:
    """Do a stage's work unless it is done; what is there of other weights or settings goes.

    Args:
        out: The stage's folder.
        source: Of the run that its maps come from.
        settings: Folder below `out` -> whatever else decides what is in it; each folder is made of
            those before it.
        work: It makes what is missing, and returns parts of the record: `metrics`, `pictures`.
        share: Take it from a plan's folder beside that has made the same, see `shared_stages`.

    Returns:
        The metrics on the training pictures.
    """
    first = next(iter(settings))
    settings = {**settings, first: {**settings[first], 'run': source.run, 'steps': source.steps}}
    settings = json.loads(json.dumps(settings))  # as a record holds them
    if share:
        take_stage(out, partial(is_same, new_record(settings, source)))
    with only_writer(out, 'makes a stage of weak supervision', '--out'):
        record = _begin(out, settings, source)
        if record['state'] == FINISHED:
            say(f'{out}: done')
            return record['metrics']['train']
        began = time.time()
        found = work()
        seconds = (record.get('seconds') or 0.0) + time.time() - began
        record |= {'state': FINISHED, 'seconds': seconds, **found}
        write_record(out, record)
        return record['metrics']['train']


def is_same(new: dict[str, Any], folder: Path) -> bool:
    """Whether the stage in a folder was made of the settings of a new record, by the same code."""
    known = (whole_record(folder) or {}).get('fingerprints') or {}
    return all(known.get(key) == new['fingerprints'][key] for key in ('config', 'code'))


def _begin(out: Path, settings: dict[str, dict[str, Any]], source: RunRecord) -> dict[str, Any]:
    """The record to go on with; what was made of other weights or settings is removed."""
    former = whole_record(out) or {}
    known = former.get('settings') or {}
    if known == settings:
        return former
    same = True
    for folder, wanted in settings.items():
        same = same and known.get(folder) == wanted
        if not same and (out / folder).is_dir():
            say(f'{out / folder}: was made of other weights or settings, and is made again')
            shutil.rmtree(out / folder)
    record = new_record(settings, source)
    out.mkdir(parents=True, exist_ok=True)
    write_record(out, record)
    return record


def new_record(settings: dict[str, Any], source: RunRecord) -> dict[str, Any]:
    """The record of a stage that begins.

    Args:
        settings: What decides what it makes.
        source: Of the run that its maps come from.
    """
    digest = short(hashlib.sha256(json.dumps(settings, sort_keys=True).encode()))
    return {
        'state': RUNNING,
        'run': uuid.uuid4().hex,
        'command': command_line('none'),
        'settings': settings,
        'fingerprints': {
            'config': digest,
            'code': code_fingerprint(),
            'weights': source.run,
            'data': source.fingerprints.get('data'),
        },
        'git': git_state(PACKAGE),
        'versions': versions(),
        'machine': machine(),
        'segments': [],
    }
