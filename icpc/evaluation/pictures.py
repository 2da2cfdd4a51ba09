"""Predictions as pictures: masks for files, overlays with a legend."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch.utils.data import Dataset

from ..datasets.named_readers import LoadNamedPicture
from ..datasets.picture_reading import load_picture, picture_loader
from ..files import put_in_place

_UNLABELLED = (20, 20, 20)
_SHORT_SIDE = 384  # pixels; smaller pictures are enlarged so that the legend beside them is legible
_LONG_SIDE = 4096  # pixels, our choice: nothing is enlarged beyond it
_JPEG = 65500  # pixels, the longest side that a JPEG can have here
BORDER = '#808080'  # of a legend's patch, so that a white one shows
_ROW = 22  # pixels of a legend's line


def read_picture(path: str | Path, dataset: Dataset | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned as its EXIF orientation says, grey or 16 bit as well.

    Args:
        path: The path of the picture.
        dataset: Whose pipeline decides how pictures are decoded and turned; None for the configs'.
    """
    load = None if dataset is None else picture_loader(dataset)
    if load is None or load.to_float32 or not load.color_type.startswith('color'):
        load = LoadNamedPicture()
    return np.ascontiguousarray(load_picture(str(path), load)[..., ::-1])


def class_names(dataset: Dataset) -> list[str]:
    """The dataset's class names without outer spaces."""
    return [str(name).strip() for name in dataset.metainfo['classes']]


def palette_of(dataset: Dataset) -> np.ndarray:
    """(K, 3) uint8 RGB: the dataset's colours, or colours of our own where it has too few."""
    classes = len(dataset.metainfo['classes'])
    own = np.asarray(dataset.metainfo.get('palette') or (), dtype=np.int64).reshape(-1, 3)
    others = np.random.RandomState(42).randint(0, 255, (classes, 3))  # as MMSegmentation's
    return np.concatenate([own, others[len(own) :]])[:classes].astype(np.uint8)


def colourise(labels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Paint class ids.

    Args:
        labels: (H, W) class ids; anything outside the palette is drawn nearly black.
        palette: (K, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    colours = np.concatenate([np.asarray(palette), [_UNLABELLED]]).astype(np.uint8)
    inside = (labels >= 0) & (labels < len(palette))
    return colours[np.where(inside, labels, len(palette))]


def overlay(
    image: np.ndarray, labels: np.ndarray, palette: np.ndarray, opacity: float = 0.6
) -> np.ndarray:
    """Lay class colours over a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) class ids.
        palette: (K, 3) uint8 RGB.
        opacity: The opacity of the colours, 0 to 1.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    mixed = (1 - opacity) * image + opacity * colourise(labels, palette)
    return mixed.round().astype(np.uint8)


def save_overlay(
    path: Path, image: np.ndarray, labels: np.ndarray, names: list[str], palette: np.ndarray
) -> None:
    """Write the picture, the overlay and a legend of the classes in it, side by side.

    Small pictures are enlarged; what would be longer than a JPEG can be is made smaller.

    Args:
        path: A .png or .jpg.
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) predicted class ids.
        names: K class names.
        palette: (K, 3) uint8 RGB.
    """
    sides = image.shape[:2]
    scale = max(1, min(round(_SHORT_SIDE / min(sides)), _LONG_SIDE // max(sides)))
    pair = [_enlarge(part, scale) for part in (image, overlay(image, labels, palette))]
    legend = _legend(labels, names, palette, pair[0].height)
    sheet = Image.new('RGB', (2 * pair[0].width + legend.width, pair[0].height), 'white')
    for part, left in zip((*pair, legend), (0, pair[0].width, 2 * pair[0].width), strict=True):
        sheet.paste(part, (left, 0))
    sheet.thumbnail((_JPEG, _JPEG))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _enlarge(image: np.ndarray, scale: int) -> Image.Image:
    size = (image.shape[1] * scale, image.shape[0] * scale)
    return Image.fromarray(image).resize(size, Image.Resampling.NEAREST)


def _legend(labels: np.ndarray, names: list[str], palette: np.ndarray, height: int) -> Image.Image:
    """Colour and name of each class, the largest first, as many as fit."""
    ids, areas = np.unique(labels, return_counts=True)
    largest = [int(ids[index]) for index in np.argsort(-areas, kind='stable')]
    shown = [index for index in largest if 0 <= index < len(names)][: max(1, height // _ROW)]
    font = ImageFont.load_default(size=14)
    width = 44 + int(max((font.getlength(names[index]) for index in shown), default=0))
    legend = Image.new('RGB', (width, height), 'white')
    draw = ImageDraw.Draw(legend)
    for row, index in enumerate(shown):
        top = row * _ROW + 4
        colour = tuple(int(c) for c in palette[index])
        draw.rectangle((10, top, 26, top + 14), fill=colour, outline=BORDER)
        draw.text((34, top - 1), names[index], fill='black', font=font)
    return legend


def save_mask(path: Path, labels: np.ndarray) -> None:
    """Write class ids as PNG: 8 bits where they fit, else 16.

    Args:
        path: A .png.
        labels: (H, W) ids, 0 to 65535.
    """
    kind = np.uint8 if labels.max() < 256 else np.uint16
    path.parent.mkdir(parents=True, exist_ok=True)
    with put_in_place(path) as temporary:
        Image.fromarray(labels.astype(kind)).save(temporary, format='PNG')
