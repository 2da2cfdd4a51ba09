"""Textures of the stuff classes: what tells them apart whatever their colour."""

from collections.abc import Callable

import numpy as np

from icpc.datasets.scenes.canvas import Canvas, noise, smooth_step, wave

Random = np.random.RandomState


def sea(random: Random, canvas: Canvas, horizon: float) -> np.ndarray:
    """Short horizontal ripples, wider towards the viewer; 0..1, (H, W)."""
    height, width = canvas.shape
    fine = noise(random, (height, width), (1.6, 6.0))
    coarse = noise(random, (height, width), (3.4, 15.0))
    depth = np.clip((canvas.y - horizon) / height, 0.0, 1.0)
    ripples = fine + (coarse - fine) * smooth_step(depth * 2.0)
    return smooth_step((ripples - 0.42) * 3.4)


def sand(random: Random, canvas: Canvas, horizon: float) -> np.ndarray:
    """Fine grain on soft dunes with wind ripples; 0..1, (H, W)."""
    grain = random.random_sample(canvas.shape)
    dunes = noise(random, canvas.shape, (14.0, 34.0))
    crests = wave(dunes * 3.0 + canvas.y / 40.0)
    return 0.62 * grain + 0.38 * crests


def grass(random: Random, canvas: Canvas, horizon: float) -> np.ndarray:
    """Upright blades in tufts; 0..1, (H, W)."""
    blades = noise(random, canvas.shape, (5.5, 1.25))
    tufts = noise(random, canvas.shape, (9.0, 14.0))
    return np.clip(smooth_step((blades - 0.3) * 2.4) * 0.8 + (tufts - 0.4) * 0.5, 0.0, 1.0)


def field(random: Random, canvas: Canvas, horizon: float) -> np.ndarray:
    """Ploughed rows that meet at a vanishing point; 0..1, (H, W)."""
    height, width = canvas.shape
    rise = (0.25 + 0.9 * random.random_sample()) * height
    middle = (random.random_sample() * 2.4 - 0.7) * width
    depth = np.maximum(canvas.y - (horizon - rise), 4.0)
    pitch = (6.0 + 4.0 * random.random_sample()) / (rise + 0.5 * height)
    phase = (canvas.x - middle) / depth / pitch
    clods = noise(random, canvas.shape, (3.0, 3.0)) - 0.5
    visible = np.clip((pitch * depth - 2.2) * 0.8, 0.0, 1.0)
    return np.clip(0.5 + (wave(phase + clods * 0.25) - 0.5) * visible + clods * 0.22, 0.0, 1.0)


def road(random: Random, canvas: Canvas, horizon: float) -> np.ndarray:
    """Smooth asphalt with faint wear; 0..1, (H, W)."""
    wear = noise(random, canvas.shape, (16.0, 22.0))
    return 0.8 * wear + 0.2 * random.random_sample(canvas.shape)


def forest(random: Random, canvas: Canvas, horizon: float) -> np.ndarray:
    """Crowns behind crowns, each lit from above; 0..1, (H, W)."""
    size = 7.0 + 5.0 * random.random_sample()
    table = random.random_sample((2, 32, 32))
    crowns = np.zeros(canvas.shape)
    for layer in range(2):
        row = canvas.y / (size * 0.8) + 0.5 * layer
        line = np.floor(row)
        column = canvas.x / size + 0.5 * layer + (line % 2.0) * 0.25
        cell = np.floor(column)
        jitter = table[layer][(line % 32.0).astype(np.int64), (cell % 32.0).astype(np.int64)]
        across = column - cell - 0.5
        down = row - line - 0.4 - 0.2 * jitter
        dome = 1.0 - np.sqrt(across * across + down * down) * 1.9
        lit = np.clip(dome, 0.0, 1.0) * (0.9 - 0.8 * down) + 0.35 * jitter * (dome > 0)
        crowns = np.maximum(crowns, lit)
    leaves = noise(random, canvas.shape, (2.0, 2.0))
    return np.clip(crowns * 0.85 + leaves * 0.3 - 0.08, 0.0, 1.0)


def wall(random: Random, canvas: Canvas, horizon: float) -> np.ndarray:
    """Bricks in running bond, each with a tint of its own, pale mortar; 0..1, (H, W)."""
    tall = 4.5 + 2.5 * random.random_sample()
    wide = tall * (2.0 + 0.5 * random.random_sample())
    row = canvas.y / tall
    line = np.floor(row)
    column = canvas.x / wide + 0.5 * (line % 2.0)
    cell = np.floor(column)
    tints = random.random_sample((32, 32))
    brick = tints[(line % 32.0).astype(np.int64), (cell % 32.0).astype(np.int64)]
    mortar = np.maximum(row - line < 1.15 / tall, column - cell < 1.15 / wide)
    return np.where(mortar, 1.0, 0.05 + 0.42 * brick)


TEXTURES: dict[str, Callable[[Random, Canvas, float], np.ndarray]] = {
    "sea": sea, "sand": sand, "grass": grass, "field": field,
    "road": road, "forest": forest, "wall": wall,
}  # fmt: skip

# How dark and how light a texture makes its colour; our choice, by eye.
CONTRAST = {
    "sea": (0.74, 1.38), "sand": (0.80, 1.20), "grass": (0.66, 1.22), "field": (0.66, 1.22),
    "road": (0.88, 1.08), "forest": (0.48, 1.22), "wall": (0.72, 1.45),
}  # fmt: skip
FROST = {
    "sea": 0.05, "sand": 0.72, "grass": 0.72, "field": 0.70, "road": 0.45, "forest": 0.55,
    "wall": 0.20,
}  # fmt: skip
