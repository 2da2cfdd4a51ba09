"""Scenes and crops of them with the classes they show: what the tiny CLIP is pre-trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from icpc.datasets.scenes.composition import Scene, generate_scene
from icpc.datasets.scenes.scene_classes import CLASSES, CONDITIONS

CROP_SIZE = 64
CROPS_PER_SCENE = 4
SMALLEST_PIXELS = 160  # of a class that is told: 4 % of a crop, 1 % of a scene of 128 x 128


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size with image-level tags.

    Attributes:
        images: (N, S, S, 3) uint8.
        tags: (N, K) bool, the classes that cover at least SMALLEST_PIXELS.
        focus: (N,) index of a present class that the caption names in any case.
        conditions: (N,) index of the condition.
    """

    images: np.ndarray
    tags: np.ndarray
    focus: np.ndarray
    conditions: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


class _Album:
    """Collects pictures; knows how often each class was in focus."""

    def __init__(self) -> None:
        self.rows: list[tuple[np.ndarray, np.ndarray, int, int]] = []
        self.drawn = np.zeros(len(CLASSES))

    def add(self, scene: Scene, window: tuple[slice, slice], focus: int) -> None:
        tags = class_pixels(scene.labels[window]) >= SMALLEST_PIXELS
        if tags[focus]:
            condition = CONDITIONS.index(scene.condition)
            self.rows.append((scene.image[window].copy(), tags, focus, condition))
            self.drawn[focus] += 1

    def close(self, count: int) -> Pictures:
        images, tags, focus, conditions = zip(*self.rows[:count], strict=True)
        return Pictures(np.stack(images), np.stack(tags), np.array(focus), np.array(conditions))


def class_pixels(labels: np.ndarray) -> np.ndarray:
    """Number of pixels (K,) of each class."""
    return np.bincount(labels.ravel(), minlength=len(CLASSES) + 1)[1:]


def _cut(centre: int, length: int) -> slice:
    start = min(max(centre - CROP_SIZE // 2, 0), length - CROP_SIZE)
    return slice(start, start + CROP_SIZE)


def draw_pictures(
    count: int,
    seed: int = 0,
    scene_size: int = 128,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Pictures, Pictures]:
    """Generate scenes of the pre-training stream and cut crops out of them, without resizing.

    A crop lies around a pixel of one of the scene's classes; those that were drawn least so far
    are taken, which balances the classes.

    Args:
        count: number of crops.
        seed: the seed of the scenes and of the crops.
        scene_size: height and width of the scenes in pixels.
        progress: called with the number of crops made.

    Returns:
        `count` crops of CROP_SIZE, and the whole scenes they come from.
    """
    random = np.random.RandomState([seed, 1])
    crops, scenes = _Album(), _Album()
    while len(crops.rows) < count:
        scene = generate_scene('pretraining', len(scenes.rows), scene_size, seed)
        pixels = class_pixels(scene.labels)
        present = np.flatnonzero(pixels >= 40)
        ties = random.random_sample(len(present))
        rarest = present[np.argsort(crops.drawn[present] + ties, kind='stable')]
        for focus in rarest[:CROPS_PER_SCENE]:
            rows, columns = np.nonzero(scene.labels == focus + 1)
            pixel, shift = random.randint(len(rows)), random.randint(-12, 13, size=2)
            top, left = rows[pixel] + shift[0], columns[pixel] + shift[1]
            crops.add(scene, (_cut(top, scene_size), _cut(left, scene_size)), focus)
        seen = np.flatnonzero(pixels >= SMALLEST_PIXELS)
        rarest = seen[np.argmin(scenes.drawn[seen])]
        scenes.add(scene, (slice(None), slice(None)), rarest)
        progress(min(len(crops.rows), count))
    return crops.close(count), scenes.close(len(scenes.rows))
