"""One order of the training data for any number of ranks, workers and resumes."""

import itertools
from collections.abc import Iterator, Sized
from typing import Any, NamedTuple

from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmseg.registry import DATA_SAMPLERS, DATASETS
from torch.utils.data import Dataset, Sampler

from .keyed_random import AUGMENTATION, ORDER, keyed, permutation


class Sample(NamedTuple):
    """What the sampler asks the dataset for.

    Attributes:
        index: The index of the image in the dataset.
        seed: The seed of the run.
        position: step * global batch + slot, counted over the whole training.
    """

    index: int
    seed: int
    position: int


@DATA_SAMPLERS.register_module()
class PositionSampler(Sampler[Sample]):
    """Gives each rank its slots of every global batch, for ever.

    Slot s of optimiser step t is position p = t * global_batch + s, and takes image
    permutation(seed, p // N)[p % N] of N: every epoch sees every image once, a global batch may
    span two epochs, and neither ranks, nor accumulation, nor workers enter. Rank r of R takes the
    r-th of R equal, contiguous parts of the slots.

    Args:
        dataset: Of N images.
        seed: The seed of the order; by default the run's.
        shuffle: Whether to permute.
    """

    def __init__(self, dataset: Sized, seed: int | None = None, shuffle: bool = True) -> None:
        self.rank, self.ranks = get_dist_info()
        self.size = len(dataset)
        self.seed = sync_random_seed() if seed is None else seed
        self.shuffle = shuffle
        self.begin(step=0, share=1)

    def begin(self, step: int, share: int, seed: int | None = None) -> None:
        """Set where the next iteration starts.

        Args:
            step: Optimiser steps done.
            share: Slots of each rank in a step.
            seed: Instead of the former one.
        """
        self.step, self.share = step, share
        if seed is not None:
            self.seed = seed

    def __iter__(self) -> Iterator[Sample]:
        """This rank's samples from the start on."""
        epoch, order = -1, range(self.size)
        for step in itertools.count(self.step):
            first = (step * self.ranks + self.rank) * self.share
            for position in range(first, first + self.share):
                if self.shuffle and position // self.size != epoch:
                    epoch = position // self.size
                    order = permutation(self.size, ORDER, self.seed, epoch)
                yield Sample(int(order[position % self.size]), self.seed, position)

    def __len__(self) -> int:
        """Images of an epoch."""
        return self.size


def samples_positions(dataloader: dict[str, Any]) -> bool:
    """Whether a loader's config names this sampler."""
    sampler = dataloader.get('sampler')
    kind = sampler.get('type') if isinstance(sampler, dict) else None
    return kind in (PositionSampler, PositionSampler.__name__)


@DATASETS.register_module()
class KeyedDataset(Dataset):
    """A dataset whose augmentation of a `Sample` follows from its seed and position alone.

    Everything else is the dataset's own.

    Args:
        dataset: A dataset or its config.
    """

    def __init__(self, dataset: Dataset | dict[str, Any]) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        if isinstance(self.dataset, BaseDataset):
            self.dataset.full_init()

    def __len__(self) -> int:
        """Number of images."""
        return len(self.dataset)

    def __getitem__(self, item: Sample | int) -> Any:
        """A sample with its own random numbers; of a bare index, what the dataset gives."""
        if not isinstance(item, Sample):
            return self.dataset[item]
        with keyed(AUGMENTATION, item.seed, item.position):
            return self.dataset[item.index]

    def __getattr__(self, name: str) -> Any:
        """The dataset's own attributes; none before there is one, as while unpickling."""
        if name.startswith('__') or name == 'dataset':
            raise AttributeError(name)
        return getattr(self.dataset, name)
