"""The global batch is the unit: ranks, images a rank takes at once, and accumulation follow."""

from dataclasses import dataclass

from torch import distributed

from ..errors import UserError


@dataclass(frozen=True)
class BatchPlan:
    """global_batch = ranks x batch x accumulation.

    Attributes:
        global_batch: Images in one optimiser step.
        ranks: Processes.
        batch: Images that a rank takes at once.
        accumulation: Forward and backward passes of a rank in one optimiser step.
    """

    global_batch: int
    ranks: int
    batch: int
    accumulation: int

    def __str__(self) -> str:
        return (
            f'global batch {self.global_batch} = {self.ranks} rank(s) x {self.batch} images '
            f'x {self.accumulation} accumulation'
        )


def world_size() -> int:
    """The number of ranks: of the process group, which a launcher starts; 1 without.

    WORLD_SIZE alone says nothing: it may be left over in a shell.
    """
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def plan_batch(global_batch: int, gpu_batch: int | None, ranks: int) -> BatchPlan:
    """Split the global batch.

    Args:
        global_batch: Images in one optimiser step, over all ranks.
        gpu_batch: Most images that a rank takes at once; None for no limit.
        ranks: Processes.

    Raises:
        UserError: When a number does not divide; names those that do.
    """
    for name, number in (('global_batch', global_batch), ('gpu_batch', gpu_batch or 1)):
        if not isinstance(number, int) or number < 1:
            raise UserError(f'{name} must be a positive whole number, got {number!r}')
    if global_batch % ranks:
        raise UserError(
            f'global_batch={global_batch} does not divide over {ranks} ranks; numbers of ranks '
            f'that work: {_divisors(global_batch)}; or set global_batch to a multiple of {ranks}'
        )
    share = global_batch // ranks
    batch = min(gpu_batch or share, share)
    if share % batch:
        raise UserError(
            f'gpu_batch={gpu_batch} does not divide the {share} images of each rank '
            f'(global_batch={global_batch}, {ranks} rank(s)); numbers that work: {_divisors(share)}'
        )
    return BatchPlan(global_batch, ranks, batch, share // batch)


def _divisors(number: int) -> str:
    return ', '.join(str(n) for n in range(1, number + 1) if number % n == 0)
