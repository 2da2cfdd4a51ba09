"""Makes a finished run again, in a folder that says which run it repeats."""

import json
import os
import subprocess
import sys
from pathlib import Path

from ...checkpoints.content import latest_checkpoint, steps_in
from ...console.messages import say
from ...errors import REQUEUED, UserError
from ...files import read_json, write_text_atomically
from ...run_dir.record import RECORD, RESOLVED, RunRecord
from ...startup.program import name_of

MARK = 'repeats.json'  # in the work dir of a repetition


def finished_record(work_dir: Path) -> RunRecord:
    """The record of a finished run.

    Raises:
        UserError: When there is none, or it is not finished.
    """
    if not (work_dir / RECORD).is_file():
        raise UserError(f'{work_dir}: no run.json in it; give the work dir of a run')
    record = RunRecord.of(work_dir)
    if not record.finished:
        raise UserError(
            f'{work_dir}: the run is not finished; go on with {name_of("train")} --resume'
        )
    return record


def command(run: Path, out: Path, trainer: Path) -> list[str]:
    """What makes a run again, on as many ranks; it resumes where there is a checkpoint.

    Args:
        run: The work directory of the run, which holds its config with every override merged in.
        out: Where the repetition writes.
        trainer: Script of tools/train.py.
    """
    record = finished_record(run)
    ranks = record.batch.get('ranks', 1)
    saved = latest_checkpoint(out) or steps_in(out)
    arguments = [str(trainer), str(run / 'config.py'), '--work-dir', str(out)]
    arguments += ['--resume'] if saved else []
    arguments += ['--seed', str(record.seed)] if _chose_no_seed(run, record) else []
    if ranks == 1:
        return [sys.executable, *arguments]
    launcher = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={ranks}']
    return [sys.executable, *launcher, *arguments, '--launcher', 'pytorch']


def _chose_no_seed(run: Path, record: RunRecord) -> bool:
    """Whether the seed stands in the record alone, since the config leaves it to chance."""
    try:
        config = read_json(run / RESOLVED)
    except UserError:
        return False
    return record.seed is not None and config.get('seed', record.seed) is None


def environment(run: Path) -> dict[str, str]:
    """The environment of this process, with as many threads as the run had.

    Sums in another order are not equal.

    Args:
        run: The work directory of the run.
    """
    threads = finished_record(run).machine.get('threads')
    return {**os.environ, **({} if threads is None else {'OMP_NUM_THREADS': str(threads)})}


def repeat(run: Path, out: Path, trainer: Path) -> None:
    """Make a run again, unless `out` holds its finished repetition already.

    Args:
        run: The work directory of the run.
        out: Where the repetition writes: a new folder, or one where it was begun.
        trainer: Script of tools/train.py.

    Raises:
        UserError: When `out` is the run itself or holds something else, or training fails.
    """
    mark = _mark(run)
    _check_folder(run, out, mark)
    if RunRecord.if_whole(out).finished:
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
    if not RunRecord.of(out).finished:
        raise UserError(f'{out}: {trainer} ended without a finished run')


def _mark(run: Path) -> dict[str, str]:
    """What a repetition holds: its run's identity, which another training there would change."""
    place = str(run.resolve())
    return {'run': finished_record(run).run or place, 'work_dir': place}


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
    remedy = f'remove {out}, or choose another --out'
    former = read_json(out / MARK, remedy)
    if not former.keys() >= mark.keys():
        raise UserError(f'{out / MARK}: is damaged; {remedy}')
    if former['run'] != mark['run']:
        raise UserError(
            f'--out {out} repeats another run ({former["work_dir"]}, {former["run"]}) than {run} '
            f'({mark["run"]}); choose another folder'
        )
