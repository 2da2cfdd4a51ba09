"""Painting one thing on a canvas: its forms, its colours and the patterns inside them."""

from collections.abc import Callable

import numpy as np

from icpc.datasets.scenes.canvas import Canvas, noise, shade, smooth_step, tone, wave
from icpc.datasets.scenes.objects import FORMS, Form
from icpc.datasets.scenes.scene_classes import LABELS, draw_colour

Random = np.random.RandomState
Tones = dict[str, np.ndarray]
OPACITY = {'shadow': 0.22}


def _windows(random: Random, u: np.ndarray, v: np.ndarray, size: float) -> np.ndarray:
    pitch = max(0.105, 5.0 / size)
    column, row = u / pitch + 0.5, v / (pitch * 1.15)
    lit = random.random_sample((16, 16))
    cell = lit[np.floor(row).astype(np.int64) % 16, np.floor(column).astype(np.int64) % 16]
    across, up = np.abs(column - np.floor(column) - 0.5), np.abs(row - np.floor(row) - 0.5)
    return ((across < 0.28) & (up < 0.3)) * (0.55 + 0.45 * (cell > 0.45))


def _leaves(random: Random, u: np.ndarray, v: np.ndarray, size: float) -> np.ndarray:
    cell = max(2.2, 0.075 * size)
    blots = noise(random, (v.shape[0], u.shape[1]), (cell, cell))
    return smooth_step((blots - 0.25) * 1.5 - (v - 0.55) * 0.7 + (u + 0.05) * 0.6)


def _wool(random: Random, u: np.ndarray, v: np.ndarray, size: float) -> np.ndarray:
    cell = max(1.6, 0.1 * size)
    curls = wave(2.2 * noise(random, (v.shape[0], u.shape[1]), (cell, cell)))
    return np.clip(0.75 * curls - (v - 0.6) * 0.9, 0.0, 1.0)


def _patches(random: Random, u: np.ndarray, v: np.ndarray, size: float) -> np.ndarray:
    cell = max(3.0, 0.27 * size)
    return smooth_step((noise(random, (v.shape[0], u.shape[1]), (cell, cell)) - 0.5) * 9.0 + 0.5)


def _gores(random: Random, u: np.ndarray, v: np.ndarray, size: float) -> np.ndarray:
    height = np.clip((v - 0.66) / 0.34, -0.8, 0.99)
    turn = u / (0.36 * np.sqrt(1.0 - height * height))
    stripes = wave(turn * (0.86 + 0.2 * turn * turn) * 1.75 + 0.25)
    return smooth_step((stripes - 0.5) * max(1.5, 0.09 * size) + 0.5)


def _tiles(random: Random, u: np.ndarray, v: np.ndarray, size: float) -> np.ndarray:
    return 0.5 * wave(v * max(4.0, size / 4.2)) + 0.3 * random.random_sample((v.size, u.size))


# pattern -> (share of the other tone from position, name of that tone)
PATTERNS: dict[str, tuple[Callable[..., np.ndarray], str]] = {
    "windows": (_windows, "lamp"), "leaves": (_leaves, "dark"), "wool": (_wool, "dark"),
    "patches": (_patches, "second"), "gores": (_gores, "second"), "tiles": (_tiles, "roof_dark"),
}  # fmt: skip


def draw_tones(random: Random, name: str, distance: float) -> Tones:
    """Draw the colours of one thing; its parts share them.

    Args:
        random: the picture's own stream.
        name: a class of THINGS.
        distance: 0 (near) to 1 (far): how much of the fog lies before it.
    """
    main, second = draw_colour(random, name), draw_colour(random, name)
    if name == 'cow':
        second = shade(second, 1.75 if main[0] + main[1] + main[2] < 1.6 else 0.4)
    if name == 'balloon':
        second = shade(second, 1.55)
    roof, skin = draw_colour(random, 'wall') * 0.85, 0.4 + 0.5 * random.random_sample()
    tones = {
        "main": (main, 0.0, 0.12), "dark": (shade(main, 0.66), 0.0, 0.0),
        "light": (shade(main, 1.25), 0.0, 0.12), "second": (second, 0.0, 0.05),
        "pale": (np.array([0.95, 0.94, 0.90]), 0.0, 0.0),
        "black": (np.array([0.13, 0.13, 0.17]), 0.0, 0.0),
        "shadow": (np.array([0.10, 0.10, 0.20]), 0.0, 0.0),
        "glass": (np.array([0.66, 0.80, 0.88]), 0.15, 0.1),
        "lamp": (np.array([0.93, 0.90, 0.70]) if name == "house" else shade(main, 1.7), 0.9, 0.0),
        "beam": (np.array([1.0, 0.95, 0.75]), 1.0, 0.0),
        "roof": (roof, 0.0, 0.9), "roof_dark": (shade(roof, 0.6), 0.0, 0.75),
        "trunk": (np.array([0.42, 0.30, 0.22]), 0.0, 0.1),
        "skin": (np.array([0.98, 0.80, 0.66]) * skin, 0.0, 0.0),
    }  # fmt: skip
    if name == 'tree':
        tones['main'] = (main, 0.0, 0.55)
    return {part: tone(rgb, distance, glow, frost) for part, (rgb, glow, frost) in tones.items()}


def _corners(form: Form) -> list[tuple[float, float]]:
    return list(zip(form.numbers[0::2], form.numbers[1::2], strict=True))


def _box(form: Form) -> tuple[float, float, float, float]:
    if form.kind == 'polygon':
        xs, ys = form.numbers[0::2], form.numbers[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    x, y, half_width, half_height = form.numbers
    return x - half_width, y - half_height, x + half_width, y + half_height


def coverage(form: Form, u: np.ndarray, v: np.ndarray, size: float) -> np.ndarray:
    """Part of each pixel that a form covers, from the distance to its outline.

    Args:
        form: in heights of the thing.
        u, v: (1, w) and (h, 1) positions in heights of the thing, v upwards.
        size: height of the thing in pixels.

    Returns:
        (h, w) in 0..1.
    """
    if form.kind == 'polygon':
        corners = _corners(form)
        inside = np.full((v.shape[0], u.shape[1]), 1e9)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            dx, dy = x1 - x0, y1 - y0
            length = float(np.sqrt(dx * dx + dy * dy))
            if length > 0.0:
                inside = np.minimum(inside, (dx * (v - y0) - dy * (u - x0)) / length)
        return np.clip(inside * size + 0.5, 0.0, 1.0)
    x, y, half_width, half_height = form.numbers
    if form.kind == 'box':
        across = np.clip((half_width - np.abs(u - x)) * size + 0.5, 0.0, 1.0)
        return across * np.clip((half_height - np.abs(v - y)) * size + 0.5, 0.0, 1.0)
    across, up = (u - x) / half_width, (v - y) / half_height
    radius = np.sqrt(across * across + up * up)
    return np.clip((1.0 - radius) * (min(half_width, half_height) * size) + 0.5, 0.0, 1.0)


def paint_thing(
    canvas: Canvas,
    random: Random,
    name: str,
    foot: tuple[float, float],
    size: float,
    distance: float,
) -> None:
    """Paint one thing.

    Args:
        canvas: painted in place, labels too.
        random: the picture's own stream.
        name: a class of THINGS.
        foot: x and y of the middle of its feet in pixels.
        size: its height in pixels.
        distance: 0 (near) to 1 (far).
    """
    facing = 1.0 if random.randint(2) else -1.0
    tones, forms = draw_tones(random, name, distance), FORMS[name](random)
    for form in forms:
        left, low, right, high = _box(form)
        ends = (foot[0] + facing * left * size, foot[0] + facing * right * size)
        window = canvas.window(min(ends), foot[1] - high * size, max(ends), foot[1] - low * size)
        if window is None:
            continue
        u = (canvas.x[:, window[1]] - foot[0]) * (facing / size)
        v = (foot[1] - canvas.y[window[0]]) / size
        covered = coverage(form, u, v, size) * OPACITY.get(form.part, 1.0)
        mix = None
        if form.texture:
            pattern, other = PATTERNS[form.texture]
            mix = (tones[other], pattern(random, u, v, size))
        label = None if form.part in OPACITY else LABELS[name]
        canvas.paint(covered, tones[form.part], label, window, mix)


def paint_shadow(canvas: Canvas, foot: tuple[float, float], half: float) -> None:
    """Paint the soft shadow under a thing; the labels stay."""
    window = canvas.window(foot[0] - half, foot[1] - half, foot[0] + half, foot[1] + half)
    if window is None:
        return
    across = (canvas.x[:, window[1]] - foot[0]) / half
    up = (canvas.y[window[0]] - foot[1]) / (0.22 * half)
    dark = 0.34 * smooth_step(1.25 - np.sqrt(across * across + up * up))
    canvas.paint(dark, tone((0.08, 0.08, 0.16)), None, window)
