"""Processes that each make files of pictures; they import nothing loudly."""

import multiprocessing
import pickle
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from ..startup.quiet import quiet_imports

Work = list[tuple[int, Path]]  # index of a picture, and its file


class Writer(Protocol):
    """What makes a file of a picture."""

    def write(self, index: int, path: Path) -> None:
        """Write the file of the picture with an index."""
        ...


def written(make: Callable[..., Writer], work: Work, workers: int) -> Iterator[None]:
    """Write files, in several processes; yields after each.

    Args:
        make: It takes `device`, and must be one that can be sent to another process.
        work: What is to be written.
        workers: Processes; 1 for this one.
    """
    if workers == 1 or len(work) < workers:
        writer = make(device=None)
        yield from (writer.write(*item) for item in work)
        return
    context = multiprocessing.get_context('spawn')
    started = context.Value('i', 0)
    given = pickle.dumps(make), started  # read by `_start`, which hides what its imports print
    with ProcessPoolExecutor(workers, context, _start, given) as pool:
        yield from pool.map(_in_process, work, chunksize=4)


_OWN: list[Writer] = []  # of a process of the pool


def _start(make: bytes, started: Any) -> None:
    with quiet_imports():
        import torch

        making = pickle.loads(make)
    warnings.simplefilter('ignore')  # this process has said them
    torch.set_num_threads(1)
    with started.get_lock():
        place, started.value = started.value, started.value + 1
    gpus = torch.cuda.device_count()
    _OWN.append(making(device=f'cuda:{place % gpus}' if gpus else None))


def _in_process(item: tuple[int, Path]) -> None:
    _OWN[0].write(*item)
