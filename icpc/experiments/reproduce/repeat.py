"""Makes a finished run again, in a folder that says which run it repeats."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ...checkpoints.content import latest_checkpoint, steps_in
from ...console.messages import say
from ...errors import REQUEUED, UserError
from ...files import write_text_atomically
from ...run_dir.record import read_record

MARK = 'repeats.json'  # in the work dir of a repetition


def finished_record(work_dir: Path) -> dict[str, Any]:
    """The record of a finished run.

    Raises:
        UserError: When there is none, or it is not finished.
    """
    record = read_record(work_dir)
    if record is None:
        raise UserError(f'{work_dir}: no run.json in it; give the work dir of a run')
    if record['state'] != 'finished':
        raise UserError(f'{work_dir}: the run is not finished; go on with tools/train.py --resume')
    return record


def command(run: Path, out: Path, trainer: Path) -> list[str]:
    """What makes a run again, on as many ranks; it resumes where there is a checkpoint.

    Args:
        run: Its work dir, which holds its config with every override merged in.
        out: Where the repetition writes.
        trainer: Script of tools/train.py.
    """
    ranks = (finished_record(run)['batch'] or {}).get('ranks', 1)
    saved = latest_checkpoint(out) or steps_in(out)
    arguments = [str(trainer), str(run / 'config.py'), '--work-dir', str(out)]
    arguments += ['--resume'] if saved else []
    if ranks == 1:
        return [sys.executable, *arguments]
    launcher = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={ranks}']
    return [sys.executable, *launcher, *arguments, '--launcher', 'pytorch']


def environment(run: Path) -> dict[str, str]:
    """This process's, with as many threads as the run had: sums in another order are not equal.

    Args:
        run: Its work dir.
    """
    threads = finished_record(run).get('machine', {}).get('threads')
    return {**os.environ, **({} if threads is None else {'OMP_NUM_THREADS': str(threads)})}


def repeat(run: Path, out: Path, trainer: Path) -> None:
    """Make a run again, unless `out` holds its finished repetition already.

    Args:
        run: Its work dir.
        out: Where the repetition writes: a new folder, or one where it was begun.
        trainer: Script of tools/train.py.

    Raises:
        UserError: When `out` is the run itself or holds something else, or training fails.
    """
    mark = _mark(run)
    _check_folder(run, out, mark)
    if (read_record(out) or {}).get('state') == 'finished':
        say(f'{out}: the repetition was made already; nothing is trained')
        return
    words = command(run, out, trainer)
    out.mkdir(parents=True, exist_ok=True)
    write_text_atomically(json.dumps(mark, indent=1), out / MARK)
    code = subprocess.run(words, env=environment(run)).returncode
    if code == REQUEUED:
        raise UserError(f'{out}: the repetition was stopped and saved; the same command goes on')
    if code:
        raise UserError(f'{out}: the repetition failed with exit code {code}')
    if (read_record(out) or {}).get('state') != 'finished':
        raise UserError(f'{out}: {trainer} ended without a finished run')


def _mark(run: Path) -> dict[str, str]:
    """What a repetition holds: its run's identity, which another training there would change."""
    place = str(run.resolve())
    return {'run': finished_record(run).get('run') or place, 'work_dir': place}


def _check_folder(run: Path, out: Path, mark: dict[str, str]) -> None:
    if out.resolve() == run.resolve():
        raise UserError(f'--out {out} is the run itself; give the repetition a folder of its own')
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / MARK).is_file():
        raise UserError(
            f'--out {out} exists and is no repetition that this tool began (no {MARK} in it); '
            'choose another folder'
        )
    try:
        former = json.loads((out / MARK).read_text())
        same, place = former['run'] == mark['run'], former['work_dir']
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f'{out / MARK} is damaged; remove {out}, or choose another --out'
        ) from error
    if not same:
        raise UserError(
            f'--out {out} repeats another run ({place}, {former["run"]}) than {run} '
            f'({mark["run"]}); choose another folder'
        )
