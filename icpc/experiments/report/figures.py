"""Figures as data URIs, so that a page needs no other file."""

import base64
import io
from pathlib import Path

import matplotlib
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

from ...errors import UserError

# Okabe and Ito: told apart with any colour vision; black is kept for the baseline.
_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6d00')
_LINES = ('-', '--', ':', '-.')
_STYLE = {
    'font.size': 9,
    'svg.fonttype': 'none',
    'text.parse_math': False,  # a name with dollar signs is a name
    'font.family': 'sans-serif',
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.color': '#e4e4e4',
    'axes.axisbelow': True,
}


def line_styles(rows: list[str], baseline: str | None) -> dict[str, dict[str, str]]:
    """Colour and dashes of each row; the baseline is black.

    Args:
        rows: Their names.
        baseline: Its name.
    """
    others = [row for row in rows if row != baseline]
    styles = {
        row: dict(
            color=_COLOURS[index % len(_COLOURS)],
            linestyle=_LINES[index // len(_COLOURS) % len(_LINES)],
        )
        for index, row in enumerate(others)
    }
    return styles | ({baseline: dict(color='black', linestyle='-')} if baseline in rows else {})


def new_figure(width: float, height: float) -> Figure:
    """An empty figure.

    Args:
        width: Inches.
        height: Inches.
    """
    return Figure(figsize=(width, height), layout='constrained', dpi=110)


def style() -> matplotlib.RcParams:
    """The settings that figures are made with, for a `with` block."""
    return matplotlib.rc_context(_STYLE)


def as_uri(figure: Figure) -> str:
    """A figure as SVG in a data URI."""
    out = io.BytesIO()
    figure.savefig(out, format='svg', metadata={'Date': None})
    return _uri('svg+xml', out.getvalue())


def picture_uri(path: Path, width: int) -> str:
    """A picture as JPEG in a data URI.

    Args:
        path: The path of the picture.
        width: Pixels at most.

    Raises:
        UserError: When it is damaged.
    """
    try:
        picture = Image.open(path).convert('RGB')
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f'{path}: is damaged or no picture ({error})') from error
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, format='JPEG', quality=88)
    return _uri('jpeg', out.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'


def diverging(value: float, limit: float) -> str:
    """A colour between red (-limit), white (0) and blue (limit)."""
    red, green, blue, _ = colormaps['RdBu'](0.5 + 0.5 * max(-1.0, min(1.0, value / limit)))
    return f'rgb({red * 255:.0f},{green * 255:.0f},{blue * 255:.0f})'
