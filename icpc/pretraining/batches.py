"""Batches of pictures with captions, and what is true of what."""

from collections.abc import Iterator

import numpy as np
import open_clip
import torch
from torch import Tensor

from icpc.datasets.scenes.captions import CONDITION_SHARE, write_caption
from icpc.datasets.scenes.scene_classes import CLASSES, CONDITIONS
from icpc.pretraining.crops import Pictures
from icpc.pretraining.loss import caption_truth
from icpc.pretraining.model import normalise

MOST_NAMED = 3  # classes in a picture's own caption
TAG_CAPTIONS = 3  # captions for each class alone, in other words each time


class Batch:
    """B pictures, their B captions, then captions that name one class and no condition.

    Attributes:
        images: (B, 3, S, S), normalised, half of them mirrored.
        tokens: (B + TAG_CAPTIONS * K, L).
        truth: (B, B + TAG_CAPTIONS * K) bool, which caption is true of which picture.
    """

    def __init__(
        self, pictures: Pictures, index: np.ndarray, random: np.random.RandomState, length: int
    ) -> None:
        self.images = _mirrored(pictures.images[index], random)
        named, told = [], []
        for row in index:
            classes, tell = named_classes(random, pictures, row), random.random_sample()
            named.append(classes)
            told.append(int(pictures.conditions[row]) if tell < CONDITION_SHARE else -1)
        named += [[k] for k in range(len(CLASSES))] * TAG_CAPTIONS
        told += [-1] * (len(named) - len(told))
        captions = [
            write_caption(random, [CLASSES[k] for k in ks], CONDITIONS[c], float(c >= 0))
            for ks, c in zip(named, told, strict=True)
        ]
        self.tokens = open_clip.tokenize(captions, context_length=length)
        mask = torch.zeros(len(named), len(CLASSES), dtype=torch.bool)
        for row, classes in enumerate(named):
            mask[row, classes] = True
        own = torch.cat([torch.arange(len(index)), torch.full((len(named) - len(index),), -1)])
        tags = torch.from_numpy(pictures.tags[index])
        conditions = torch.from_numpy(pictures.conditions[index])
        self.truth = caption_truth(mask, torch.tensor(told), tags, conditions, own)


def _mirrored(images: np.ndarray, random: np.random.RandomState) -> Tensor:
    pixels = torch.from_numpy(images)
    flip = torch.from_numpy(random.randint(2, size=len(images)) > 0)
    pixels[flip] = pixels[flip].flip(2)
    return normalise(pixels)


def named_classes(random: np.random.RandomState, pictures: Pictures, row: int) -> list[int]:
    """The focus class and up to two others, in any order."""
    others = np.flatnonzero(pictures.tags[row] & (np.arange(len(CLASSES)) != pictures.focus[row]))
    extra = random.permutation(others)[: random.randint(MOST_NAMED)]
    return [int(k) for k in random.permutation([pictures.focus[row], *extra])]


def batches(
    pictures: Pictures, size: int, random: np.random.RandomState, length: int
) -> Iterator[Batch]:
    """Endless batches, every picture once in each round.

    Args:
        pictures: at least one batch of them.
        size: B.
        random: draws order, captions and mirroring.
        length: L, of the text tower.
    """
    while True:
        order = random.permutation(len(pictures))
        for start in range(0, len(pictures) - size + 1, size):
            yield Batch(pictures, order[start : start + size], random, length)
