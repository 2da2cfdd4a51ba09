"""Finds the newest checkpoint that is whole."""

from pathlib import Path

from ..console.messages import say
from ..errors import UserError
from .content import POINTER, Damaged, latest_checkpoint, load_checkpoint, steps_in, steps_of

_FOREIGN = 'belongs to another run'
_PARTS = {'meta', 'state_dict', 'optimizer', 'param_schedulers', 'message_hub'}


def newest_whole(work_dir: str | Path, run: str | None = None) -> Path | None:
    """The newest checkpoint that can be read; says what is wrong with the newer ones.

    Newest is the one that the pointer names, then those of fewer steps. Where the pointer is lost,
    all are candidates, last written first.

    Args:
        work_dir: The work directory of the run.
        run: Its identity; other runs' checkpoints are left alone. None: any.

    Returns:
        Its path; None where there is no checkpoint at all.

    Raises:
        UserError: When there are checkpoints and none can be read.
    """
    unreadable = 0
    for path in _candidates(Path(work_dir)):
        fault = _fault(path, run)
        if fault is None:
            return path
        unreadable += fault != _FOREIGN
        say(f'{path}: {fault}; looking for one before it')
    if unreadable:
        raise UserError(
            f'{work_dir}: {unreadable} checkpoint(s) cannot be resumed, see above, and there is no '
            'other; without --resume the training starts from the beginning'
        )
    return None


def _candidates(folder: Path) -> list[Path]:
    written = steps_in(folder)
    newest = latest_checkpoint(folder)
    last = newest and steps_of(newest)
    if last is not None:
        older = sorted((step for step in written if step < last), reverse=True)
        return [newest, *(written[step] for step in older)]
    if (folder / POINTER).exists():
        say(f'{folder / POINTER}: names no checkpoint; looking for the last one written')
    last_first = sorted(
        written, key=lambda step: (written[step].stat().st_mtime_ns, step), reverse=True
    )
    return [written[step] for step in last_first]


def _fault(path: Path, run: str | None) -> str | None:
    """What is wrong with a checkpoint in a few words, None for nothing."""
    if not path.is_file():
        return 'is not there'
    try:
        checkpoint = load_checkpoint(path, map_location='meta')
    except Damaged as error:
        return error.reason
    except UserError as error:
        return f'cannot be loaded ({error})'
    lost = sorted(_PARTS - checkpoint.keys())
    if lost:
        return f'is no checkpoint of a training (without {", ".join(lost)})'
    other = checkpoint['meta'].get('run')
    if None not in (run, other) and run != other:
        return _FOREIGN
    return None
