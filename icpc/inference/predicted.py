"""What a prediction gives: labels, shares, maps, and how it shows itself."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..errors import UserError, did_you_mean
from ..evaluation.pictures import BORDER, overlay, save_overlay
from ..files import put_in_place

_LISTED = 3  # classes in a representation of one line
_LEGEND = 12  # classes in a notebook's legend
_SMALL = 256  # pixels, our choice: what is smaller is enlarged in a notebook


class Prediction:
    """One picture's prediction.

    Args:
        source: The picture's path, or its place such as `picture 3`.
        image: (H, W, 3) uint8 RGB, as it was read.
        labels: (H, W) int32, ids into `classes`.
        classes: K names.
        palette: (K, 3) uint8 RGB.
        probabilities: (K, H, W) float32 that sum to one; None where they were not asked for.
        score_maps: (M, H, W) float32, cosines of every pixel with the text of `mapped`; None where
            they were not asked for.
        mapped: M names of classes; None for all.
    """

    ok = True

    def __init__(
        self,
        source: str,
        image: np.ndarray,
        labels: np.ndarray,
        classes: Sequence[str],
        palette: np.ndarray,
        probabilities: np.ndarray | None = None,
        score_maps: np.ndarray | None = None,
        mapped: Sequence[str] | None = None,
    ) -> None:
        self.source = source
        self.image = image
        self.labels = labels
        self.classes = tuple(classes)
        self.palette = palette
        self.probabilities = probabilities
        self.score_maps = score_maps
        self.mapped = self.classes if mapped is None else tuple(mapped)

    @property
    def area(self) -> dict[str, float]:
        """The share of the picture that each class takes, 0 to 1, in the order of the classes."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        shares: dict[str, float] = dict.fromkeys(self.classes, 0.0)
        for name, count in zip(self.classes, counts.tolist(), strict=False):
            shares[name] += count / self.labels.size  # names that come twice are added up
        return shares

    def mask(self, name: str) -> np.ndarray:
        """(H, W) bool, where a class is.

        Args:
            name: One of `classes`.

        Raises:
            UserError: There is no such class.
        """
        place_of(name, self.classes)
        same = [place for place, one in enumerate(self.classes) if one == name]
        return np.isin(self.labels, same)

    def score_map(self, name: str) -> np.ndarray:
        """(H, W) float32, the cosine of every pixel with a class's text, -1 to 1.

        Args:
            name: One of `mapped`.

        Raises:
            UserError: There is no such class, or its score map was not asked for.
        """
        if self.score_maps is None:
            raise UserError('no score maps here: predict(..., score_maps=True) gives them')
        place_of(name, self.classes)
        if name not in self.mapped:
            raise UserError(f'no score map of {name!r}: predict(..., score_maps=True) gives it')
        return self.score_maps[self.mapped.index(name)]

    def overlay(self, opacity: float = 0.6) -> Image.Image:
        """The class colours over the picture.

        Args:
            opacity: Of the colours, 0 to 1.
        """
        return Image.fromarray(overlay(self.image, self.labels, self.palette, opacity))

    def mask_picture(self) -> Image.Image:
        """The labels as a picture: ids with colours; of more than 256 classes 16 bit."""
        if len(self.classes) > 256:
            return Image.fromarray(self.labels.astype(np.uint16))
        picture = Image.fromarray(self.labels.astype(np.uint8))  # mode L
        picture.putpalette(self.palette.tobytes())
        return picture

    def save(self, path: str | Path, overlay: str | Path | None = None) -> None:
        """Write the labels as a PNG, and the picture with overlay and legend beside it if asked.

        Args:
            path: A .png; folders are made.
            overlay: A .png or .jpg.

        Raises:
            UserError: Another ending, or a disk that is full.
        """
        for file, endings in ((path, ('.png',)), (overlay, ('.png', '.jpg', '.jpeg'))):
            if file is not None and Path(file).suffix.lower() not in endings:
                raise UserError(f'{file}: the name has to end with {" or ".join(endings)}')
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with put_in_place(path) as new:
            self.mask_picture().save(new, 'PNG')
        if overlay is not None:
            save_overlay(Path(overlay), self.image, self.labels, list(self.classes), self.palette)

    def _largest(self, most: int) -> list[tuple[int, str, float]]:
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        order = np.argsort(-counts, kind='stable')[:most].tolist()
        size = self.labels.size
        return [(k, self.classes[k], counts[k] / size) for k in order if counts[k]]

    def __repr__(self) -> str:
        """Such as `Prediction(a.jpg, 480 x 640, sky 41 %, sea 30 %, ...)`."""
        height, width = self.labels.shape
        shares = ''.join(f', {name} {share:.0%}' for _, name, share in self._largest(_LISTED))
        more = ', ...' if len(np.unique(self.labels)) > _LISTED else ''
        return f'Prediction({self.source}, {height} x {width}{shares}{more})'

    def _repr_png_(self) -> bytes:
        """The overlay, for notebooks."""
        file = io.BytesIO()
        self.overlay().save(file, 'PNG')
        return file.getvalue()

    def _repr_html_(self) -> str:
        """Overlay and legend with shares, for notebooks; names are text, never markup."""
        picture = base64.b64encode(self._repr_png_()).decode()
        rows = ''.join(
            '<tr><td style="background:rgb({},{},{});width:1.5em;border:1px solid {}"></td>'.format(
                *self.palette[k].tolist(), BORDER
            )
            + f'<td style="text-align:left">{html.escape(name)}</td><td>{share:.1%}</td></tr>'
            for k, name, share in self._largest(_LEGEND)
        )
        height, width = self.labels.shape
        width *= max(1, _SMALL // max(height, width))
        return (
            '<div style="display:flex;gap:1em;align-items:flex-start">'
            f'<img alt="prediction" width="{width}" style="max-width:70%;image-rendering:pixelated"'
            f' src="data:image/png;base64,{picture}">'
            f'<table>{rows}</table></div>'
        )


def place_of(name: str, classes: Sequence[str]) -> int:
    """The first place of a class.

    Raises:
        UserError: There is no such class.
    """
    if name not in classes:
        raise UserError(f'there is no class {name!r}{did_you_mean(name, classes)}')
    return classes.index(name)


class Failure(NamedTuple):
    """A picture that could not be predicted.

    Attributes:
        source: Its path or place.
        message: Why, and what to do.
    """

    source: str
    message: str

    ok = False
