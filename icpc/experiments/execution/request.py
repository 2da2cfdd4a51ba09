"""What the command line of `tools/ablate.py` asks for."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...errors import UserError


@dataclass(frozen=True)
class Request:
    """A study and how to run it.

    Attributes:
        study: The path of the study file.
        out: The folder of the study; by default `work_dirs/studies/<study name>`.
        jobs: The number of processes at a time; by default one, or one on each GPU.
        gpus: The devices; by default all there are.
        threads: The number of threads of each process on the CPU.
        only: The number of the one run to make, None for all.
        any_code: Take finished runs that other code made.
        baseline: The row to compare with instead of the study's.
        drop_checkpoints: Delete a run's checkpoints when it is finished.
    """

    study: str
    out: str | None = None
    jobs: int | None = None
    gpus: Sequence[str] | None = None
    threads: int = 1
    only: int | None = None
    any_code: bool = False
    baseline: str | None = None
    drop_checkpoints: bool = False

    def check(self) -> None:
        """Raise `UserError` for a number that makes no run."""
        for name in ('jobs', 'threads'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f'--{name} {value}: expected 1 or more')

    def check_gpus(self) -> None:
        """Raise `UserError` for a GPU that was asked for and that this machine has not."""
        there = visible_gpus()
        for gpu in self.gpus or ():
            if gpu not in there and not gpu.startswith(('GPU-', 'MIG-')):
                has = f'GPU {", ".join(there)}' if there else 'no GPU; --gpus "" takes the CPU'
                asked = f'--gpus {",".join(self.gpus)}'
                raise UserError(f'{asked}: there is no {gpu}, this machine has {has}')


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    count, named = torch.cuda.device_count(), os.environ.get('CUDA_VISIBLE_DEVICES')
    return named.split(',')[:count] if named else [str(index) for index in range(count)]
