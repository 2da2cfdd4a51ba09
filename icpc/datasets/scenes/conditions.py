"""How the hour and the weather change the look of a painted canvas."""

import numpy as np

from icpc.datasets.scenes.canvas import BLUE, DISTANCE, FROST, GLOW, RED, Canvas, noise, smooth_step

Random = np.random.RandomState


def _towards(image: np.ndarray, colour: tuple[float, float, float], share: np.ndarray) -> None:
    image += share * (np.array(colour)[:, None, None] - image)


def _scale(image: np.ndarray, factors: tuple[float, float, float]) -> None:
    image *= np.array(factors)[:, None, None]


def day(canvas: Canvas, random: Random) -> None:
    """Full light, at times a little warm or cool."""
    warmth = 0.12 * (random.random_sample() - 0.5)
    _scale(canvas.planes[:3], (1.02 + warmth, 1.02, 1.02 - warmth))


def dusk(canvas: Canvas, random: Random) -> None:
    """Low light: warm below, violet above, lamps half lit."""
    image = canvas.planes[: BLUE + 1]
    _scale(image, (0.96, 0.74, 0.70))
    height = canvas.shape[0]
    glow = 0.10 + 0.18 * random.random_sample()
    _towards(image, (0.98, 0.55, 0.30), glow * (1.0 - np.abs(canvas.y / height - 0.45)))
    _towards(image, (0.42, 0.26, 0.52), 0.22 * smooth_step(1.0 - canvas.y / (0.7 * height)))
    _towards(image, (1.0, 0.85, 0.5), 0.6 * canvas.planes[GLOW])


def night(canvas: Canvas, random: Random) -> None:
    """Dim blue light; windows, lamps, moon and stars shine."""
    image = canvas.planes[: BLUE + 1]
    level = 1.0 + 0.4 * random.random_sample()
    _scale(image, (0.34 * level, 0.39 * level, 0.56 * level))
    _towards(image, (0.10, 0.13, 0.30), np.full(canvas.shape, 0.15))
    _towards(image, (1.0, 0.86, 0.50), canvas.planes[GLOW])


def fog(canvas: Canvas, random: Random) -> None:
    """A pale veil, denser with the distance."""
    image = canvas.planes[: BLUE + 1]
    veil = 0.68 + 0.18 * random.random_sample()
    drift = noise(random, canvas.shape, (18.0, 40.0))
    share = (0.30 + 0.16 * random.random_sample()) + 0.36 * canvas.planes[DISTANCE]
    share = np.clip(share + 0.14 * (drift - 0.5), 0.0, 1.0)
    _towards(image, (veil, veil + 0.02, veil + 0.03), share)


def snow(canvas: Canvas, random: Random) -> None:
    """Snow lies where it can, light is cold, flakes fall."""
    image = canvas.planes[: BLUE + 1]
    patches = noise(random, canvas.shape, (5.0, 8.0))
    lying = canvas.planes[FROST] * smooth_step(0.55 + 1.2 * (patches - 0.3))
    _scale(image, (0.88, 0.93, 0.98))
    _towards(image, (0.93, 0.96, 1.0), 0.95 * lying)
    flakes = (random.random_sample(canvas.shape) < 0.012).astype(np.float64)
    soft = flakes.copy()
    soft[:, 1:] = np.maximum(soft[:, 1:], 0.5 * flakes[:, :-1])
    soft[1:] = np.maximum(soft[1:], 0.5 * flakes[:-1])
    _towards(image, (1.0, 1.0, 1.0), 0.85 * soft)


CONDITION_LOOKS = {'day': day, 'dusk': dusk, 'night': night, 'fog': fog, 'snow': snow}


def develop(canvas: Canvas, random: Random, condition: str) -> np.ndarray:
    """Apply a condition and round to bytes.

    Args:
        canvas: painted; its planes are changed.
        random: the picture's own stream.
        condition: a name of CONDITIONS.

    Returns:
        (H, W, 3) uint8, red, green, blue.
    """
    CONDITION_LOOKS[condition](canvas, random)
    image = np.clip(canvas.planes[RED : BLUE + 1], 0.0, 1.0)
    return np.floor(image * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0).copy()
