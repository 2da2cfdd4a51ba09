"""Composing a procedural scene: which stuff lies where, which things stand on it."""

from dataclasses import dataclass

import numpy as np

from icpc.datasets.scenes.backdrop import (
    below,
    paint_mountains,
    paint_region,
    paint_road,
    paint_sky,
    paint_wall,
)
from icpc.datasets.scenes.canvas import DISTANCE, Canvas, curve
from icpc.datasets.scenes.conditions import develop
from icpc.datasets.scenes.paint import paint_shadow, paint_thing
from icpc.datasets.scenes.scene_classes import CLASSES, CONDITIONS, LABELS, THINGS

GENERATOR_VERSION = 1  # raise it when the same seed gives another picture
SPLITS = ('pretraining', 'training', 'validation', 'test')
GROUND = ('sea', 'sand', 'grass', 'field', 'grass', 'sand', 'sea', 'field', 'forest')

DRAWN_THINGS = (*THINGS, 'boat', 'boat', 'tree')  # often without a place: drawn more often

# Where a thing may stand, and its height as a part of the picture's; our choice.
SUPPORT = {
    "building": ("grass", "road", "sand", "field"), "house": ("grass", "field", "sand", "road"),
    "tree": ("grass", "field", "sand", "road"), "car": ("road", "grass", "sand", "field"),
    "boat": ("sea",), "person": ("grass", "road", "sand", "field"),
    "sheep": ("grass", "field", "sand", "road"), "cow": ("grass", "field", "sand", "road"),
    "balloon": CLASSES,
}  # fmt: skip
HEIGHT = {
    "building": (0.42, 0.78), "house": (0.26, 0.50), "tree": (0.32, 0.62), "car": (0.16, 0.28),
    "boat": (0.24, 0.46), "person": (0.28, 0.56), "sheep": (0.17, 0.30), "cow": (0.20, 0.34),
    "balloon": (0.30, 0.58),
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A picture with its truth.

    Attributes:
        image: (H, W, 3) uint8, red, green, blue.
        labels: (H, W) uint8, 1 + index of the class.
        condition: a name of CONDITIONS.
    """

    image: np.ndarray
    labels: np.ndarray
    condition: str


def _paint_far(canvas: Canvas, random: np.random.RandomState, horizon: float) -> None:
    """What stands at the horizon: mountains, a forest, the sea, or nothing."""
    height, width = canvas.shape
    choice = random.randint(8)
    if choice < 3:
        paint_mountains(canvas, random, horizon + 2.0)
    if choice in (2, 3, 4):
        top = horizon - (0.05 + 0.16 * random.random_sample()) * height
        line = top + curve(random, width, 7.0, 2.0) + curve(random, width, 30.0, 5.0)
        paint_region(canvas, random, 'forest', below(canvas, line), horizon)


def _paint_ground(canvas: Canvas, random: np.random.RandomState, horizon: float) -> None:
    """One to three regions that follow each other downwards or sideways."""
    height, width = canvas.shape
    names = [GROUND[random.randint(len(GROUND))] for _ in range(1 + random.randint(3))]
    whole = below(canvas, horizon + curve(random, width, 40.0, 0.03 * height))
    paint_region(canvas, random, names[0], whole, horizon)
    for step, name in enumerate(names[1:], start=1):
        bend = curve(random, max(height, width), 30.0, 0.09 * height)
        if random.randint(2):
            part = (step + 0.7 * (random.random_sample() - 0.5)) / len(names)
            tilt = (random.random_sample() - 0.5) * 0.7
            edge = horizon + part * (height - horizon) + (canvas.x[0] - 0.5 * width) * tilt
            covered = below(canvas, edge + bend[:width])
        else:
            lean = (random.random_sample() - 0.5) * 1.6
            edge = (0.15 + 0.7 * random.random_sample()) * width + bend[:height, None]
            side = canvas.x - edge - (canvas.y - 0.5 * height) * lean
            covered = np.clip(side * (2 * random.randint(2) - 1) + 0.5, 0.0, 1.0)
        paint_region(canvas, random, name, covered * whole, horizon)


def _place(
    canvas: Canvas, random: np.random.RandomState, name: str, horizon: float
) -> tuple[float, float, float, float] | None:
    """Find where a thing can stand: (y of the feet, x, height in pixels, distance)."""
    height, width = canvas.shape
    allowed = np.array([LABELS[support] for support in SUPPORT[name]])
    top = 0.3 * height if name == 'balloon' else max(horizon, 0.08 * height)
    for _ in range(8):
        x, depth, jitter = random.random_sample(3)
        x, y = (1.1 * x - 0.05) * width, top + depth * (1.08 * height - top)
        row, column = min(int(y), height - 1), min(max(int(x), 0), width - 1)
        if (allowed == canvas.labels[row, column]).any():
            small, large = HEIGHT[name]
            near = depth if horizon > 0.0 and name != 'balloon' else 0.3 + 0.5 * depth
            size = (small + (large - small) * jitter) * (0.62 + 0.5 * near) * height
            return y, x, size, 1.0 - near
    return None


def _paint_things(canvas: Canvas, random: np.random.RandomState, horizon: float) -> None:
    """Three to eight things, far ones first; animals, people and trees often in groups."""
    height = canvas.shape[0]
    found = []
    for _ in range(3 + random.randint(4)):
        name = DRAWN_THINGS[random.randint(len(DRAWN_THINGS))]
        place = _place(canvas, random, name, horizon)
        if place is None:
            continue
        y, x, size, distance = place
        found.append((y, x, size, distance, name))
        if name in ('sheep', 'cow', 'person', 'tree') and random.randint(2):
            shift = (0.7 + 0.6 * random.random_sample()) * size * (2 * random.randint(2) - 1)
            found.append((y + 0.12 * shift, x + shift, size * 0.93, distance, name))
    for y, x, size, distance, name in sorted(found):
        if name != 'balloon':
            paint_shadow(canvas, (x, y), size * (1.5 if name == 'car' else 0.75))
        paint_thing(canvas, random, name, (x, y), size, distance)
    if not found:
        paint_thing(canvas, random, 'balloon', (0.5 * height, 0.7 * height), 0.5 * height, 0.5)


def compose(random: np.random.RandomState, height: int, width: int) -> Scene:
    """Paint one scene of any size from a stream of random numbers."""
    canvas = Canvas(height, width)
    condition = CONDITIONS[random.randint(len(CONDITIONS))]
    open_sky = random.randint(4) > 0
    horizon = (0.14 + 0.5 * random.random_sample()) * height if open_sky else -0.2 * height
    if open_sky:
        paint_sky(canvas, random, horizon, night=condition == 'night')
        _paint_far(canvas, random, horizon)
    _paint_ground(canvas, random, horizon)
    rows = np.clip((canvas.y - horizon) / (height - horizon), 0.0, 1.0)
    canvas.planes[DISTANCE] = 1.0 - rows
    if random.randint(9) < 4:
        paint_road(canvas, random, horizon)
    if random.randint(9) < 3:
        foot = (0.3 + 0.75 * random.random_sample()) * height
        paint_wall(canvas, random, foot, (0.16 + 0.4 * random.random_sample()) * height)
    _paint_things(canvas, random, horizon)
    return Scene(develop(canvas, random, condition), canvas.labels, condition)


def stream(seed: int, split: str, index: int) -> np.random.RandomState:
    """The random stream of one picture: no two pictures of any split share one."""
    return np.random.RandomState([GENERATOR_VERSION, seed, SPLITS.index(split), index])


def generate_scene(split: str, index: int, size: int = 128, seed: int = 0) -> Scene:
    """Generate picture `index` of a split, the same on every machine.

    Args:
        split: a name of SPLITS; the streams of different splits never meet.
        index: number of the picture, from 0.
        size: height and width in pixels.
        seed: the seed of the whole dataset.
    """
    return compose(stream(seed, split, index), size, size)
