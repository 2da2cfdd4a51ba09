"""Starts the process group; gloo where there is no GPU."""

import os
from contextlib import suppress
from datetime import timedelta

import torch
from mmengine.dist import init_dist
from torch import distributed

from ..errors import UserError
from .rank_watch import MINUTES, RankWatch, check_minutes

LAUNCHERS = ('none', 'pytorch', 'slurm')
_NUMBERS = {
    'pytorch': ('RANK', 'WORLD_SIZE'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS'),
}
_LATER = timedelta(minutes=1)  # the libraries' own limit, whose messages say less, comes after ours
_MOST_CHARACTERS = 200
_watch: RankWatch | None = None  # of this process, as the process group is


def start(launcher: str, timeout: float = MINUTES) -> None:
    """Join the process group that torchrun or Slurm prepared.

    mmengine would call `torch.cuda.set_device` first, which fails without a GPU even for gloo.

    Args:
        launcher: `none`, `pytorch` (torchrun) or `slurm`.
        timeout: Minutes that a rank may stand still before it ends with a message.
    """
    global _watch
    check_minutes(timeout)
    if launcher == 'none' and 'TORCHELASTIC_RUN_ID' in os.environ:
        ranks = int(os.environ.get('WORLD_SIZE', 1))
        if ranks > 1 and not distributed.is_initialized():
            raise UserError(
                f'torchrun started {ranks} processes, each of which would train the whole run: add '
                '--launcher pytorch'
            )
    if launcher == 'none' or distributed.is_initialized():
        return
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError(
            '--launcher pytorch: start with `torchrun --nproc_per_node N tools/train.py ...`'
        )
    if launcher == 'slurm' and not torch.cuda.is_available():
        raise UserError('--launcher slurm needs GPUs; on CPUs use torchrun and --launcher pytorch')
    numbers = [os.environ.get(name) for name in _NUMBERS[launcher]]
    _watch = RankWatch(timeout, *(int(number or 0) for number in numbers)).start()
    patience = timedelta(minutes=timeout) + _LATER
    if torch.cuda.is_available():
        init_dist(launcher, backend='nccl', timeout=patience.total_seconds())
    else:
        distributed.init_process_group('gloo', timeout=patience)


def note(phase: str) -> None:
    """Say what this rank does from here on, for the message if it stands still.

    Args:
        phase: Such as `step 12`.
    """
    if _watch is not None:
        _watch.note(phase)


def lost_ranks(error: RuntimeError) -> str | None:
    """What to say of an error that comes of other ranks' end; None for any other error."""
    ours = isinstance(error, distributed.DistError) or 'gloo' in str(error)
    if _watch is None or not ours:
        return None
    return (
        f'{_watch.place}: another rank is gone, so this one ends too; the reason stands in the '
        f'message of the rank that ended first ({" ".join(str(error).split())[:_MOST_CHARACTERS]})'
    )


def stop() -> None:
    """Leave the process group, all ranks together: gloo aborts a rank whose peers are gone."""
    global _watch
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
