"""What a model sees, in one picture: image, truth, prediction, score maps of some classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..files import put_in_place
from .pictures import BORDER, colourise

if TYPE_CHECKING:  # importing it takes half a second, and most commands draw no panel
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 1.75  # inches
_LONGEST = 640  # pixels; twice what a cell shows
_ABOVE = 1.0  # of a cell's height; else matplotlib looks at all ticks, which no cell shows
_LEGEND_ROW = 0.2  # inches
_CHARACTER = 0.075  # inches of a legend's letter, with the patch beside the name counted as six


@dataclass(frozen=True)
class PanelRow:
    """One picture.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        truth: (H, W) class ids.
        prediction: (H, W) class ids.
        score_maps: Class name -> (H, W) cosine of pixel and text; a row may have fewer than others.
    """

    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    score_maps: dict[str, np.ndarray] = field(default_factory=dict)

    def thumbnail(self, longest: int = _LONGEST) -> PanelRow:
        """The row with every n-th pixel, so that no side is longer; copies, never views.

        Args:
            longest: Pixels; what a cell of the panel shows is smaller still.
        """
        step = -(-max(self.prediction.shape) // longest)
        height, width = self.prediction.shape
        image = Image.fromarray(self.image)
        if image.size != (width, height):
            image = image.resize((width, height))
        small = {name: one[::step, ::step].copy() for name, one in self.score_maps.items()}
        truth, prediction = (x[::step, ::step].copy() for x in (self.truth, self.prediction))
        return PanelRow(np.asarray(image.reduce(step)), truth, prediction, small)


def save_panel(
    path: Path,
    rows: list[PanelRow],
    names: list[str],
    palette: np.ndarray,
    title: str = 'prediction',
) -> None:
    """Draw the rows; the score maps of one row share their scale, so they can be compared.

    Args:
        path: Where to write, such as `panel.png`; what was there stays when that fails.
        rows: The pictures, of any sizes, at least one.
        names: K class names.
        palette: (K, 3) uint8 RGB.
        title: The title of the predictions.
    """
    from matplotlib.figure import Figure

    columns = 3 + max(len(row.score_maps) for row in rows)
    present = _present(rows, len(names))
    width = _CELL * columns + (0.5 if columns > 3 else 0)
    entry = _CHARACTER * (6 + max((len(names[i]) for i in present), default=0))
    legend_columns = max(1, min(len(present), int(width / entry)))
    legend_rows = -(-len(present) // legend_columns)
    height = _CELL * len(rows) * (1.1 if columns > 3 else 1) + _LEGEND_ROW * legend_rows + 0.3
    figure = Figure(figsize=(width, height), layout='constrained', dpi=160)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        _draw_row(figure, axes, row, palette)
    for axis, text in zip(grid[0], ('image', 'truth', title), strict=False):
        axis.set_title(text, fontsize=9, fontweight='bold', y=_ABOVE)
    if present:
        _draw_legend(figure, {names[i]: palette[i] for i in present}, legend_columns)
    _write(figure, path)


def _draw_legend(figure: Figure, colours: dict[str, np.ndarray], columns: int) -> None:
    from matplotlib.patches import Patch

    patches = [
        Patch(facecolor=np.asarray(colour) / 255, edgecolor=BORDER, linewidth=0.9)
        for colour in colours.values()
    ]
    legend = figure.legend(
        handles=patches,
        labels=[''] * len(patches),
        loc='outside lower center',
        ncols=columns,
        fontsize=8,
        frameon=False,
        handlelength=1.2,
    )
    # Set afterwards: a legend takes `_name` for a hidden entry and `$name$` for a formula.
    for text, name in zip(legend.get_texts(), colours, strict=True):
        text.set(text=name, parse_math=False)


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with put_in_place(path) as temporary:
        figure.savefig(temporary, facecolor='white', format=path.suffix.lstrip('.'))


def _draw_row(figure: Figure, axes: np.ndarray, row: PanelRow, palette: np.ndarray) -> None:
    pictures = (row.image, colourise(row.truth, palette), colourise(row.prediction, palette))
    for axis in axes:
        axis.axis('off')
        axis.set_title('', y=_ABOVE)
    for axis, picture in zip(axes, pictures, strict=False):
        axis.imshow(picture, interpolation='nearest')
    if row.score_maps:
        _draw_score_maps(figure, axes[3:], row.score_maps)


def _draw_score_maps(figure: Figure, axes: np.ndarray, score_maps: dict[str, np.ndarray]) -> None:
    values = np.stack(list(score_maps.values()))
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, (0.01, 0.99)) if finite.size else (0.0, 1.0)
    for axis, (name, score_map) in zip(axes, score_maps.items(), strict=False):
        heat = axis.imshow(score_map, cmap='magma', vmin=low, vmax=high, interpolation='bilinear')
        _name(axis, name)
    bar = figure.colorbar(heat, ax=list(axes), fraction=0.03, pad=0.02, aspect=12)
    bar.ax.tick_params(labelsize=6, length=2)
    bar.set_label('cosine', fontsize=6)
    bar.outline.set_visible(False)


def _name(axis: Axes, name: str) -> None:
    axis.set_title(name, fontsize=9, color='#7a1f5c', pad=3, y=_ABOVE, parse_math=False)


def _present(rows: list[PanelRow], classes: int) -> list[int]:
    ids = np.unique(
        np.concatenate([part.ravel() for r in rows for part in (r.truth, r.prediction)])
    )
    return [int(index) for index in ids if 0 <= index < classes]
