"""How a run's record begins: what it is made of, and the command that makes it again."""

import json
import shlex
import uuid
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import master_only

from ..checkpoints.content import POINTER
from ..config.batch_plan import plan_batch, world_size
from ..config.user_modules import user_modules
from ..console.messages import say
from ..files import Replacing, write_text_atomically
from ..startup.program import typed
from .fingerprints import (
    PACKAGE,
    code_fingerprint,
    data_fingerprint,
    plain_tree,
    weights_fingerprint,
    with_user_code,
)
from .provenance import command_line, git_state, machine, versions
from .record import FINISHED, RECORD, RESOLVED, RESOLVED_PY, RUNNING, whole_record, write_record
from .same_run import run_fingerprint
from .segments import closed, new_segment


def describe(cfg: Config, overrides: dict[str, Any], launcher: str = 'none') -> dict[str, Any]:
    """The record of a new run before its first step; nothing is written.

    Args:
        cfg: The finished config, as it will run.
        overrides: `{dotted path: value}`.
        launcher: `none`, `pytorch` or `slurm`.
    """
    tree = cfg.to_dict()
    loaders = {name: tree.get(f'{name}_dataloader') for name in ('train', 'val', 'test')}
    record = {
        'state': RUNNING,
        'run': uuid.uuid4().hex,
        'command': command_line(launcher),
        'reproduce': typed('reproduce', shlex.quote(str(cfg.work_dir))),
        'config': str(cfg.filename),
        'overrides': plain_tree(overrides),
        'seed': tree.get('seed'),
        'fingerprints': {
            'config': run_fingerprint(tree),
            'code': with_user_code(code_fingerprint(), user_modules(tree)),
            'weights': weights_fingerprint(tree.get('model') or {}, tree.get('load_from')),
            'data': {
                name: data_fingerprint(loader['dataset'])
                for name, loader in loaders.items()
                if loader
            },
        },
        'git': git_state(PACKAGE),
        'versions': versions(),
        'machine': machine(),
        'batch': _batch(tree),
    }
    length = (tree.get('train_cfg') or {}).get('max_iters')
    return record | {'segments': [new_segment(record, length)]}


def continued(
    former: dict[str, Any], record: dict[str, Any], checkpoint: Path, done: bool
) -> dict[str, Any]:
    """The record of a run that is resumed: its identity and results stay.

    Args:
        former: The record in its work directory.
        record: The record of this start.
        checkpoint: The checkpoint from which it resumes.
        done: Nothing is left to train: what the run was made of stays, too.
    """
    began = former['fingerprints']['weights']
    made_of = record | {'fingerprints': record['fingerprints'] | {'weights': began}}
    return {
        **former,
        **({} if done else made_of),
        'state': RUNNING,
        'run': former.get('run'),
        'segments': [*closed(former['segments'], checkpoint), *record['segments']],
    }


def _batch(tree: dict[str, Any]) -> dict[str, int] | None:
    if tree.get('global_batch') is None:
        return None
    return vars(plan_batch(tree['global_batch'], tree.get('gpu_batch'), world_size()))


@master_only
def start_record(cfg: Config, merged: Config, record: dict[str, Any]) -> None:
    """Write record and config; from then on the work dir is this run's.

    Args:
        cfg: The finished config, as it runs.
        merged: The config with its variables, so that it can be overridden again.
        record: As `describe` or `continued` made it.
    """
    folder = Path(cfg.work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    former = whole_record(folder)
    damaged = former is None and (folder / RECORD).is_file()
    if damaged or (
        former and former.get('state') == FINISHED and former.get('run') != record['run']
    ):
        _set_aside(folder, 'a record that cannot be read' if damaged else 'a finished run')
    write_record(folder, record)
    write_text_atomically(json.dumps(plain_tree(cfg.to_dict()), indent=1), folder / RESOLVED)
    text = Config(plain_tree(cfg.to_dict(), tuples=True)).pretty_text
    write_text_atomically(text, folder / RESOLVED_PY)
    write_text_atomically(merged.pretty_text, folder / 'config.py')
    if not cfg.resume:
        (folder / POINTER).unlink(missing_ok=True)  # it names a checkpoint of a former run


def _set_aside(folder: Path, what: str) -> None:
    """Keep a former record under another name."""
    names = ('run.former.json', *(f'run.former.{number}.json' for number in range(2, 1000)))
    path = next(folder / name for name in names if not (folder / name).exists())
    with Replacing(path) as file:
        file.write((folder / RECORD).read_bytes())
    say(f'{folder} holds {what}, which this one replaces: its record is now {path.name}')
