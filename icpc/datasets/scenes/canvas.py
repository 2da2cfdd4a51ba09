"""A canvas painted back to front with exact arithmetic.

Only IEEE-exact operations are used (+ - * / sqrt floor, comparisons), never a maths library's
sine or power and no summation, so that every machine and numpy version draws the same bits.
"""

from collections.abc import Sequence

import numpy as np

# Planes of a canvas: colour, then what the condition needs to know.
RED, GREEN, BLUE, DISTANCE, GLOW, FROST = range(6)
Window = tuple[slice, slice]
WHOLE: Window = (slice(None), slice(None))


def tone(
    colour: Sequence[float], distance: float = 0.0, glow: float = 0.0, frost: float = 0.0
) -> np.ndarray:
    """Join a colour with its distance, its light at night and the snow it holds, all in 0..1.

    Returns:
        (6,) one value for each plane.
    """
    return np.array([*colour, distance, glow, frost], dtype=np.float64)


def shade(colour: np.ndarray, factor: float) -> np.ndarray:
    """Darken (factor < 1) or lighten towards white (factor > 1) a tone or a colour (C,)."""
    result = colour.copy()
    if factor <= 1.0:
        result[:3] = result[:3] * factor
    else:
        result[:3] = result[:3] + (1.0 - result[:3]) * (factor - 1.0)
    return result


class Canvas:
    """Six planes and a label map.

    Attributes:
        planes: (6, H, W) float64, see RED .. FROST.
        labels: (H, W) uint8, 0 = unlabelled, else 1 + index of the class.
        x, y: (1, W) and (H, 1) centres of the pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.planes = np.zeros((6, height, width))
        self.labels = np.zeros((height, width), dtype=np.uint8)
        self.x = np.arange(width, dtype=np.float64)[None, :] + 0.5
        self.y = np.arange(height, dtype=np.float64)[:, None] + 0.5

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape

    def window(self, left: float, top: float, right: float, bottom: float) -> Window | None:
        """Return the slices that hold a box and its soft edge, or None when it lies outside."""
        height, width = self.shape
        x0, x1 = max(0, int(np.floor(left - 1))), min(width, int(np.floor(right + 2)))
        y0, y1 = max(0, int(np.floor(top - 1))), min(height, int(np.floor(bottom + 2)))
        return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None

    def paint(
        self,
        coverage: np.ndarray,
        paint: np.ndarray,
        label: int | None = None,
        window: Window = WHOLE,
        mix: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Blend a tone over the canvas.

        Args:
            coverage: (h, w) in 0..1, the part of each pixel that is covered.
            paint: (6,) the tone.
            label: written where at least half of a pixel is covered; None leaves the labels.
            window: where on the canvas `coverage` lies.
            mix: a second tone (6,) and its share (h, w) in 0..1: the texture.
        """
        target = self.planes[:, window[0], window[1]]
        source = paint[:, None, None]
        if mix is not None:
            source = source + (mix[0] - paint)[:, None, None] * mix[1]
        target += coverage * (source - target)
        if label is not None:
            self.labels[window][coverage >= 0.5] = label


def smooth_step(value: np.ndarray) -> np.ndarray:
    """3 t^2 - 2 t^3 of a value clipped to 0..1."""
    clipped = np.clip(value, 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def wave(phase: np.ndarray) -> np.ndarray:
    """A smooth wave of period 1 between 0 and 1, made of parabolas instead of sines."""
    part = phase - np.floor(phase)
    folded = np.abs(2.0 * part - 1.0)
    return folded * folded * (3.0 - 2.0 * folded)


def _steps(length: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    position = np.arange(length, dtype=np.float64) / cell
    low = np.floor(position)
    return low.astype(np.int64), smooth_step(position - low)


def noise(
    random: np.random.RandomState, shape: tuple[int, int], cell: tuple[float, float]
) -> np.ndarray:
    """Value noise: random values on a grid, smoothly interpolated.

    Args:
        random: the picture's own stream.
        shape: height and width of the result in pixels.
        cell: height and width of a grid cell in pixels.

    Returns:
        (H, W) in 0..1.
    """
    rows, row_share = _steps(shape[0], cell[0])
    columns, column_share = _steps(shape[1], cell[1])
    grid = random.random_sample((rows[-1] + 2, columns[-1] + 2))
    lines = grid[rows] + (grid[rows + 1] - grid[rows]) * row_share[:, None]
    left = lines[:, columns]
    return left + (lines[:, columns + 1] - left) * column_share


def curve(random: np.random.RandomState, length: int, cell: float, height: float) -> np.ndarray:
    """A smooth random line (length,) with values in -height..height."""
    return (noise(random, (1, length), (1.0, cell))[0] * 2.0 - 1.0) * height
