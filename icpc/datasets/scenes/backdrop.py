"""Painting the stuff of a scene: sky, far bands, ground regions, roads and walls."""

import numpy as np

from icpc.datasets.scenes.canvas import Canvas, curve, noise, shade, smooth_step, tone
from icpc.datasets.scenes.scene_classes import LABELS, draw_colour
from icpc.datasets.scenes.textures import CONTRAST, FROST, TEXTURES

Random = np.random.RandomState


def paint_sky(canvas: Canvas, random: Random, horizon: float, night: bool) -> None:
    """A smooth gradient with soft clouds, and a sun, or a moon and stars."""
    height, width = canvas.shape
    high, low = draw_colour(random, 'sky'), shade(draw_colour(random, 'sky'), 1.35)
    fall = smooth_step(canvas.y / max(horizon, 0.35 * height)) * np.ones((1, width))
    canvas.paint(np.ones(canvas.shape), tone(high), LABELS['sky'], mix=(tone(low), fall))
    cell = (6.0 + 8.0 * random.random_sample(), 24.0 + 26.0 * random.random_sample())
    clouds = smooth_step((noise(random, canvas.shape, cell) - 0.5) * 3.0)
    canvas.paint(clouds * 0.55 * random.randint(2), tone(shade(low, 1.55)))
    place, radius = random.random_sample(2), 4.0 + 5.0 * random.random_sample()
    across, down = canvas.x - place[0] * width, canvas.y - place[1] * max(horizon, 12.0)
    away = np.sqrt(across * across + down * down)
    bright = tone((1.0, 0.97, 0.85), glow=0.9)
    if random.randint(2):
        canvas.paint(0.4 * smooth_step(1.0 - away / (3.0 * radius)), tone((1.0, 0.95, 0.8)))
        canvas.paint(np.clip(radius - away + 0.5, 0.0, 1.0), bright)
    stars = (random.random_sample(canvas.shape) < 0.004) & night
    canvas.paint(stars * (0.4 + 0.6 * random.random_sample(canvas.shape)), bright)


def paint_region(
    canvas: Canvas, random: Random, name: str, covered: np.ndarray, horizon: float
) -> None:
    """Fill a region with the texture and a colour of its class.

    Args:
        canvas: painted in place, labels too.
        random: the picture's own stream.
        name: a class with a texture (TEXTURES).
        covered: (H, W) in 0..1.
        horizon: row in pixels where the ground begins; may be negative.
    """
    colour, (dark, light) = draw_colour(random, name), CONTRAST[name]
    pattern = TEXTURES[name](random, canvas, horizon)
    frost = FROST[name]
    low = tone(shade(colour, dark), frost=frost * 0.7)
    high = tone(shade(colour, light), frost=frost)
    canvas.paint(covered, low, LABELS[name], mix=(high, pattern))


def below(canvas: Canvas, line: np.ndarray) -> np.ndarray:
    """Coverage (H, W) of what lies below a line (W,) given in pixels from the top."""
    return np.clip(canvas.y - line[None, :] + 0.5, 0.0, 1.0)


def paint_mountains(canvas: Canvas, random: Random, horizon: float) -> None:
    """Two to four peaks with a lit and a dark face, strata and snow on top."""
    height, width = canvas.shape
    rough = curve(random, width, 5.0, 1.6) + curve(random, width, 2.2, 0.8)
    for _ in range(2 + random.randint(3)):
        colour = draw_colour(random, 'mountain')
        top = horizon - (0.16 + 0.34 * random.random_sample()) * height
        middle = (1.3 * random.random_sample() - 0.15) * width
        slope = 0.55 + 0.8 * random.random_sample()
        line = top + np.abs(canvas.x[0] - middle) * slope + rough
        covered = below(canvas, line)
        ridge = middle + (noise(random, (height, 1), (7.0, 1.0)) - 0.5) * 10.0
        side = np.clip((canvas.x - ridge) * 0.5 + 0.5, 0.0, 1.0)
        strata = noise(random, canvas.shape, (5.0, 3.0))
        grain = np.clip(0.72 * side + 0.55 * (strata - 0.28), 0.0, 1.0)
        lit, dark = tone(shade(colour, 1.22), frost=0.5), tone(shade(colour, 0.56), frost=0.12)
        canvas.paint(covered, lit, LABELS['mountain'], mix=(dark, grain))
        depth = (4.0 + 10.0 * random.random_sample()) * random.randint(3)
        cap = np.clip(top + depth + (strata - 0.5) * 9.0 - canvas.y, 0.0, 1.0) * covered
        canvas.paint(cap * (1.0 - 0.45 * side), tone((0.95, 0.96, 1.0)))


def paint_road(canvas: Canvas, random: Random, horizon: float) -> None:
    """A road to the horizon, or across the picture, with edge lines and dashes."""
    height, width = canvas.shape
    along = max(horizon, -0.2 * height)
    if random.randint(2):
        depth = np.clip((canvas.y - along) / (height - along), 0.0, 1.2)
        start, end = (1.4 * random.random_sample(2) - 0.2) * width
        bend = (random.random_sample() - 0.5) * 1.2 * width
        middle = start + (end - start) * depth + bend * depth * (1.0 - depth)
        half = 1.5 + (0.12 + 0.2 * random.random_sample()) * width * depth
        across, travelled = canvas.x - middle, 9.0 / (depth + 0.22)
        covered = np.clip(half - np.abs(across) + 0.5, 0.0, 1.0) * (canvas.y > along)
        stroke = 0.4 + half * 0.035
    else:
        middle = along + (0.25 + 0.65 * random.random_sample()) * (height - along)
        tilt = (random.random_sample() - 0.5) * 0.3
        half = (0.06 + 0.1 * random.random_sample()) * height * np.ones((height, 1))
        across = canvas.y - middle - (canvas.x - 0.5 * width) * tilt
        covered = np.clip(half - np.abs(across) + 0.5, 0.0, 1.0) * (canvas.y > along)
        travelled, stroke = canvas.x / 14.0, 0.9
    paint_region(canvas, random, 'road', covered, horizon)
    dashes = (travelled - np.floor(travelled)) < 0.55
    paint = tone((0.96, 0.94, 0.82))
    canvas.paint(np.clip(stroke - np.abs(across) + 0.5, 0.0, 1.0) * dashes * covered, paint)
    edge = np.abs(np.abs(across) - half * 0.88)
    canvas.paint(np.clip(stroke * 0.7 - edge + 0.5, 0.0, 1.0) * covered * 0.8, paint)


def paint_wall(canvas: Canvas, random: Random, foot: float, tall: float) -> None:
    """A brick wall that stands at row `foot`, over a part of the width, with a coping."""
    width = canvas.shape[1]
    left = (1.2 * random.random_sample() - 0.7) * width
    right = left + (0.6 + 0.7 * random.random_sample()) * width
    sides = np.clip(canvas.x - left, 0.0, 1.0) * np.clip(right - canvas.x, 0.0, 1.0)
    rows = np.clip(canvas.y - (foot - tall), 0.0, 1.0) * np.clip(foot - canvas.y, 0.0, 1.0)
    covered = sides * rows
    paint_region(canvas, random, 'wall', covered, foot - tall)
    coping = covered * np.clip(foot - tall + 2.6 - canvas.y, 0.0, 1.0)
    canvas.paint(coping, tone(shade(draw_colour(random, 'wall'), 1.3), frost=0.95))
