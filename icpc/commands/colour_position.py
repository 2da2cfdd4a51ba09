"""How far colour and position alone go: a lookup table as a baseline for segmentation.

The table holds, for each cell of (quantised colour x position in the picture), how often each
class was seen there in the training pictures. A network must beat it clearly, else the pictures
can be solved without looking at texture, shape or context.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..evaluation.confusion import IGNORED, intersection_over_union
from ..startup.program import name_of

COLOUR_BINS = (2, 4, 6, 8, 12, 16)
POSITION_BINS = (1, 2, 4, 8, 16)
PRIOR_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class TableSettings:
    """Choices of a table.

    Attributes:
        colour_bins: bins of each of red, green, blue.
        position_bins: bins of the rows and of the columns.
        prior_power: how far frequent classes are held back: counts are divided by the class's
            share of all pixels to this power (0 = most frequent class wins, 1 = likelihood).
        backoff: weight, in pixels, of the position-free table in a cell.
    """

    colour_bins: int = 8
    position_bins: int = 8
    prior_power: float = 0.0
    backoff: float = 25.0


def read_split(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures of a split in ADE20K's layout, all of one size.

    Returns:
        Pictures (N, H, W, 3) uint8 and labels (N, H, W) uint8, 0..K-1 or IGNORED.

    Raises:
        FileNotFoundError: when the split holds no picture.
    """
    paths = sorted((root / 'images' / split).glob('*.png'))
    if not paths:
        raise FileNotFoundError(
            f'no picture in {root / "images" / split}: '
            f'run {name_of("prepare-data")} scenes --out {root}'
        )
    masks = (root / 'annotations' / split / path.name for path in paths)
    labels = np.stack([np.asarray(Image.open(mask)) for mask in masks])
    pictures = np.stack([np.asarray(Image.open(path).convert('RGB')) for path in paths])
    return pictures, labels - np.uint8(1)  # 0 wraps to 255 = IGNORED


def cells(pictures: np.ndarray, colour_bins: int, position_bins: int) -> np.ndarray:
    """Number of the cell of each pixel: colour * position_bins ** 2 + position.

    Args:
        pictures: (N, H, W, 3) uint8.
        colour_bins: bins of each of red, green, blue.
        position_bins: bins of the rows and of the columns.

    Returns:
        (N, H, W) int32 in 0 .. colour_bins ** 3 * position_bins ** 2 - 1.
    """
    levels = (np.arange(256) * colour_bins // 256).astype(np.int32)
    colour = levels[pictures[..., 0]]
    for channel in (1, 2):
        colour = colour * colour_bins + levels[pictures[..., channel]]
    height, width = pictures.shape[1:3]
    row = np.arange(height, dtype=np.int32) * position_bins // height
    column = np.arange(width, dtype=np.int32) * position_bins // width
    return colour * position_bins**2 + (row[:, None] * position_bins + column)


def count_cells(
    pictures: np.ndarray, labels: np.ndarray, settings: TableSettings, num_classes: int
) -> np.ndarray:
    """Count how often each class lies in each cell: (cells, num_classes) float64."""
    index = cells(pictures, settings.colour_bins, settings.position_bins).astype(np.int64)
    valid = labels != IGNORED
    joint = index[valid] * num_classes + labels[valid]
    size = settings.colour_bins**3 * settings.position_bins**2 * num_classes
    return np.bincount(joint, minlength=size).reshape(-1, num_classes).astype(np.float64)


def best_classes(counts: np.ndarray, settings: TableSettings) -> np.ndarray:
    """Turn counts into the class of each cell.

    Cells back off to the table of colour alone, and that one to the shares of the classes.

    Args:
        counts: (cells, K).
        settings: of the table.

    Returns:
        (cells,) int64.
    """
    places = settings.position_bins**2
    by_colour = counts.reshape(-1, places, counts.shape[1])
    prior = counts.sum(0) / max(counts.sum(), 1.0)
    colour = by_colour.sum(1) + settings.backoff * prior
    colour = colour / colour.sum(1, keepdims=True)
    scores = by_colour + settings.backoff * colour[:, None]
    weights = np.where(prior > 0, np.maximum(prior, 1e-12) ** settings.prior_power, np.inf)
    return (scores / weights).argmax(-1).reshape(-1)


def choose_settings(
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    num_classes: int,
    colour_bins: Iterable[int] = COLOUR_BINS,
    position_bins: Iterable[int] = POSITION_BINS,
    prior_powers: Iterable[float] = PRIOR_POWERS,
) -> tuple[TableSettings, float]:
    """Choose the strongest table on the validation pictures.

    Args:
        training: pictures (N, H, W, 3) and labels (N, H, W) that fit the tables.
        validation: pictures and labels that choose among them.
        num_classes: K.
        colour_bins, position_bins, prior_powers: what is tried, all combinations.

    Returns:
        The settings and their mIoU on the validation pictures in per cent.
    """
    best, best_score = TableSettings(), -1.0
    positions, powers = tuple(position_bins), tuple(prior_powers)
    for colours in colour_bins:
        for places in positions:
            shape = TableSettings(colours, places)
            counts = count_cells(*training, shape, num_classes)
            index = cells(validation[0], colours, places)
            for power in powers:
                settings = TableSettings(colours, places, power)
                predicted = best_classes(counts, settings)[index]
                iou = intersection_over_union(predicted, validation[1], num_classes)
                score = float(np.nanmean(iou))
                if score > best_score:
                    best, best_score = settings, score
    return best, best_score


def evaluate_table(
    training: tuple[np.ndarray, np.ndarray],
    evaluated: tuple[np.ndarray, np.ndarray],
    settings: TableSettings,
    num_classes: int,
) -> np.ndarray:
    """Fit a table on the training pictures; IoU of each class (K,) in per cent on others."""
    table = best_classes(count_cells(*training, settings, num_classes), settings)
    predicted = table[cells(evaluated[0], settings.colour_bins, settings.position_bins)]
    return intersection_over_union(predicted, evaluated[1], num_classes)
