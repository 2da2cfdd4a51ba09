"""Shared memory and open files, without which a loader's processes die or are waited for."""

from __future__ import annotations

import logging
import math
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, multiprocessing
from torch.utils.data import DataLoader

from ...errors import UserError
from ...ranks.distributed import ranks_here

logger = logging.getLogger('icpc')

SHARED = '/dev/shm'
_MIB, _GIB = 2**20, 2**30
_PLENTY = 8 * _GIB  # nobody needs to be asked
_TENSORS = 4  # of a picture, each an open file: itself, its mask, and room for more
_OTHER_FILES = 256  # that a run opens besides
_PATIENCE, _LOOK = 5.0, 0.1  # seconds
_REMEDY = (
    'start the container with a larger --shm-size ({wanted}g) or with --ipc=host, or lower '
    'num_workers, with 0 none is needed'
)


def check_room(loader: DataLoader) -> None:
    """Look at open files and shared memory before a loader's processes start.

    Of open files the limit is raised as far as it may be; where that is not far enough, tensors are
    shared by names in the file system instead, and it is said.

    Args:
        loader: With at least one process.

    Raises:
        UserError: When `/dev/shm` is too small for the batches that they prepare.
    """
    batch = getattr(loader.batch_sampler, 'batch_size', None) or loader.batch_size or 1
    pictures = loader.num_workers * (loader.prefetch_factor or 2) * batch
    _check_files(pictures * _TENSORS + _OTHER_FILES)
    free = _free()
    if free is None or free > _PLENTY:
        return
    local = ranks_here()
    needed = local * pictures * _bytes_of_a_picture(loader)
    if needed > free:
        raise UserError(
            f'{loader.name}: {SHARED} has {free / _MIB:.0f} MiB free, and {loader.num_workers} '
            f'processes that prepare {pictures} pictures take {needed / _MIB:.0f} MiB there'
            f'{f", on {local} ranks" if local > 1 else ""}: {_remedy(needed)}'
        )


class Sharing:
    """Collates in a loader's process and puts the batch into shared memory.

    torch would do it in a thread whose errors reach nobody: the batch would be waited for.

    Args:
        collate: What makes a batch of samples.
    """

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, samples: list[Any]) -> Any:
        """The batch.

        Raises:
            UserError: When there is no room for it for some seconds.
        """
        batch = self.collate(samples)
        own = [tensor for tensor in _tensors(batch) if not tensor.is_shared()]
        size = sum(tensor.untyped_storage().nbytes() for tensor in own)
        until = time.monotonic() + _PATIENCE
        # Other batches are on their way out of it.
        while (free := _free()) is not None and free < size:
            if time.monotonic() > until:
                raise UserError(f'{SHARED} is full: {_remedy(size)}')
            time.sleep(_LOOK)
        try:
            for tensor in own:
                tensor.share_memory_()
        except RuntimeError as error:
            if 'No space left' not in str(error):
                raise
            raise UserError(f'{SHARED} is full: {_remedy(size)}') from error
        return batch


def _check_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) and soft == resource.RLIM_INFINITY or soft >= needed:
        return
    highest = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    if highest < needed and multiprocessing.get_sharing_strategy() != 'file_system':
        multiprocessing.set_sharing_strategy('file_system')
        logger.info(
            f'{needed} open files may be needed and {highest} are allowed (ulimit -n): loaders '
            'share their tensors by names in the file system instead'
        )


def _bytes_of_a_picture(loader: DataLoader) -> int:
    """Bytes of the tensors of one sample, 0 where it cannot be read: the processes say why.

    A process of its own reads it: files that it opens must not be shared with the loader's.
    """
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            tensors, page = _tensors(loader.dataset[0]), resource.getpagesize()
            size = sum(-(-tensor.untyped_storage().nbytes() // page) * page for tensor in tensors)
            os.write(here, str(size).encode())
        finally:
            os._exit(0)
    os.close(here)
    with open(there, 'rb') as answer:
        size = answer.read()
    os.waitpid(child, 0)
    return int(size or 0)


def _tensors(node: Any) -> Iterator[Tensor]:
    """The tensors on the CPU in what a data set or a collation gives."""
    if isinstance(node, Tensor):
        if node.device.type == 'cpu' and node.layout == torch.strided:
            yield node
        return
    if isinstance(node, BaseDataElement):
        children = node.all_values()
    elif isinstance(node, Mapping):
        children = node.values()
    else:
        children = node if isinstance(node, (list, tuple)) else ()
    for child in children:
        yield from _tensors(child)


def _free() -> int | None:
    """Bytes; None where there is no such place."""
    return shutil.disk_usage(SHARED).free if os.path.isdir(SHARED) else None


def _remedy(size: int) -> str:
    return _REMEDY.format(wanted=max(1, math.ceil(2 * size / _GIB)))
