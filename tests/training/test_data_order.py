import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from icpc.training import data_order
from icpc.training.data_order import KeyedDataset, PositionSampler, Sample
from icpc.training.keyed_random import keyed, seed_all, words


class Noise(Dataset):
    """Of each index: three random numbers, one from every global generator."""

    metainfo = {'classes': ('a',)}

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(), torch.rand(()).item()


def steps(monkeypatch, ranks, share, count, start=0, seed=3):
    """The images of each global batch, in the order of the slots."""
    parts = []
    for rank in range(ranks):
        monkeypatch.setattr(data_order, 'get_dist_info', lambda rank=rank: (rank, ranks))
        sampler = PositionSampler(Noise(), seed)
        sampler.begin(start, share)
        parts.append(list(itertools.islice(sampler, count * share)))
    return [[s for part in parts for s in part[t * share : (t + 1) * share]] for t in range(count)]


def test_every_number_of_ranks_sees_the_same_global_batches(monkeypatch):
    one = steps(monkeypatch, 1, 4, 10)
    assert one == steps(monkeypatch, 2, 2, 10) == steps(monkeypatch, 4, 1, 10)
    assert [s.position for step in one for s in step] == list(range(40))
    assert one != steps(monkeypatch, 1, 4, 10, seed=4)


def test_every_epoch_is_another_order_of_all_images(monkeypatch):
    order = [s.index for step in steps(monkeypatch, 1, 4, 10) for s in step]
    epochs = [tuple(order[first : first + 5]) for first in range(0, 40, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len(set(epochs)) > 4


def test_a_later_start_is_the_rest_of_the_sequence(monkeypatch):
    assert steps(monkeypatch, 2, 2, 4, start=6) == steps(monkeypatch, 2, 2, 10)[6:]


def test_without_shuffling_the_order_is_the_dataset_s():
    sampler = PositionSampler(Noise(), 0, shuffle=False)
    assert [s.index for s in itertools.islice(sampler, 7)] == [0, 1, 2, 3, 4, 0, 1]


@pytest.mark.parametrize('workers', [0, 2])
def test_augmentation_follows_from_the_position_alone(workers):
    dataset = KeyedDataset(Noise())
    sampler = PositionSampler(dataset, seed=1)
    loader = DataLoader(
        dataset, batch_size=3, sampler=sampler, num_workers=workers, collate_fn=list
    )
    torch.manual_seed(workers)
    batches = list(itertools.islice(loader, 4))
    for position, got in enumerate(itertools.chain(*batches)):
        assert got == dataset[Sample(got[0], 1, position)]
    numbers = {value for item in itertools.chain(*batches) for value in item[1:]}
    assert len(numbers) == 36
    assert dataset[Sample(0, 2, 0)] != dataset[Sample(0, 1, 0)]


def test_augmentation_leaves_the_global_generators_alone():
    def draw():
        return random.random(), np.random.rand(), torch.rand(()).item()

    seed_all(7)
    expected = [draw() for _ in range(2)]
    seed_all(7)
    first = draw()
    with keyed(1, 2):
        inside = draw()
    assert [first, draw()] == expected
    assert inside not in expected
    with keyed(1, 2):
        assert draw() == inside
    assert draw() not in [inside, *expected]


def test_keys_are_told_apart_and_stay_the_same():
    # numpy keeps SeedSequence as it is; a change here would change every training.
    assert words(1, 0, 5)[0] == 2208002273
    keys = itertools.product(range(3), repeat=3)
    assert len({tuple(words(*key)) for key in keys}) == 27


def test_the_wrapper_is_the_dataset_to_everybody_else():
    dataset = KeyedDataset(Noise())
    assert (len(dataset), dataset.metainfo) == (5, Noise.metainfo)
    assert dataset[2][0] == 2
    assert not hasattr(dataset, 'nothing')
    assert pickle.loads(pickle.dumps(dataset)).metainfo == Noise.metainfo
