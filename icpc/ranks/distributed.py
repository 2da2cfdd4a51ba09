"""Starts the process group; gloo where there is no GPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
from mmengine.dist import get_world_size, init_dist
from torch import distributed

from ..errors import UserError
from .launchers import numbers_of, without_launcher
from .rank_watch import MINUTES, RankWatch, check_minutes

_LATER = timedelta(days=1)  # the libraries' own limit, whose messages say less, comes after ours
_MOST_CHARACTERS = 200
_watch: RankWatch | None = None  # of this process, as the process group is
_asked: float | None = None  # minutes that the command line gave
several = False  # whether this process was started as one of several ranks


def start(launcher: str, timeout: float | None = None) -> None:
    """Join the process group that torchrun or Slurm prepared.

    mmengine would call `torch.cuda.set_device` first, which fails without a GPU even for gloo.

    Args:
        launcher: `none`, `pytorch` (torchrun) or `slurm`.
        timeout: Minutes that a process may stand still before it ends with a message; None for
            what the config says.

    Raises:
        UserError: Without the variables that the launcher sets, or with a part of them.
    """
    global _watch, _asked, several
    if timeout is not None:
        check_minutes(timeout)
        _asked = timeout
    if distributed.is_initialized():
        return
    if launcher == 'none':
        without_launcher()
        return
    rank, ranks = numbers_of(launcher)
    if launcher == 'slurm' and not torch.cuda.is_available():
        raise UserError('--launcher slurm needs GPUs; on CPUs use torchrun and --launcher pytorch')
    minutes = MINUTES if timeout is None else timeout
    _watch, several = RankWatch(minutes, rank, ranks).start(), ranks > 1
    patience = timedelta(minutes=minutes) + _LATER
    if torch.cuda.is_available():
        init_dist(launcher, backend='nccl', timeout=patience.total_seconds())
    else:
        distributed.init_process_group('gloo', timeout=patience)


@contextmanager
def watched(minutes: float | None) -> Iterator[None]:
    """Watch this process inside, one alone from its first sign of life on.

    Args:
        minutes: That the config allows; None for the default. The command line's come first.
    """
    global _watch
    alone = _watch is None
    if alone:
        _watch = RankWatch(MINUTES, 0, 1)
    _watch.minutes = _asked or minutes or MINUTES
    try:
        yield
    finally:
        if alone:
            _watch.stop()
            _watch = None


def ranks_here() -> int:
    """How many ranks share this machine, as far as the launcher says."""
    return int(os.environ.get('LOCAL_WORLD_SIZE', 1)) if get_world_size() > 1 else 1


def note(phase: str) -> None:
    """Say what this rank does from here on, for the message if it stands still.

    Args:
        phase: Such as `step 12`.
    """
    if _watch is not None:
        _watch.note(phase)
        if _watch.ranks == 1:  # several begin to be watched where they meet
            _watch.start()


def lost_ranks(error: RuntimeError) -> str | None:
    """What to say of an error that comes of other ranks' end; None for any other error."""
    ours = isinstance(error, distributed.DistError) or 'gloo' in str(error)
    if _watch is None or _watch.ranks == 1 or not ours:
        return None
    return (
        f'{_watch.place}: another rank is gone, so this one ends too; the reason stands in the '
        f'message of the rank that ended first ({" ".join(str(error).split())[:_MOST_CHARACTERS]})'
    )


def stop() -> None:
    """Leave the process group, all ranks together: gloo aborts a rank whose peers are gone."""
    global _watch, _asked
    _asked = None
    if distributed.is_initialized():
        note('the end, where all ranks meet')
        # Nothing is left to do: a rank that has passed may be gone before this one has read its
        # last word, and one that failed has said why itself.
        with suppress(RuntimeError):
            distributed.barrier()
        distributed.destroy_process_group()
    if _watch is not None:
        _watch.stop()
        _watch = None
