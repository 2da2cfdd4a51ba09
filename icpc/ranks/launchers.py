"""What launchers leave in the environment; it counts only where one is named."""

import os

from ..errors import UserError
from ..startup.program import typed_for_ranks

# Rank and number of ranks come first.
_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID', 'SLURM_NODELIST'),
}
_TEXTS = {'MASTER_ADDR', 'SLURM_NODELIST'}


def numbers_of(launcher: str) -> tuple[int, int]:
    """Rank and number of ranks, as the launcher says.

    Args:
        launcher: `pytorch` or `slurm`.

    Raises:
        UserError: When what it sets is missing, a part of it or all, or is no such number.
    """
    start = f'start with `{typed_for_ranks(launcher)}`'
    names = _VARIABLES[launcher]
    missing = [name for name in names if not os.environ.get(name)]
    if len(missing) == len(names):
        raise UserError(f'--launcher {launcher}: {start}; in one process, leave --launcher out')
    if missing:
        there = [f'{name}={os.environ[name]}' for name in names if name not in missing]
        raise UserError(
            f'--launcher {launcher}: {", ".join(missing)} is not set, and {", ".join(there)} is, '
            f'so it is no launcher that set them: {start}, which sets all, or unset them and leave '
            '--launcher out'
        )
    numbers = {name: _whole(name, start) for name in names if name not in _TEXTS}
    rank, ranks = (numbers[name] for name in names[:2])
    if not rank < ranks:
        raise UserError(
            f'--launcher {launcher}: {names[0]}={rank} and {names[1]}={ranks}, and ranks are 0 to '
            f'{names[1]} - 1: {start}, which sets both'
        )
    return rank, ranks


def without_launcher() -> None:
    """Let what was left over in a shell not be read by anybody, as mmengine's logger would.

    Raises:
        UserError: When torchrun started several processes that would each do everything.
    """
    ranks = os.environ.get('WORLD_SIZE', '1')
    if 'TORCHELASTIC_RUN_ID' in os.environ and ranks != '1':
        raise UserError(
            f'torchrun started {ranks} processes, each of which would train the whole run: add '
            '--launcher pytorch'
        )
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE'):
        os.environ.pop(name, None)


def _whole(name: str, start: str) -> int:
    value = os.environ[name]
    if not value.isascii() or not value.isdigit():
        raise UserError(f'{name}={value!r} is no whole number: {start}, which sets it')
    return int(value)
