"""Learning curves: the mean over seeds, and their spread."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ...run_dir.metrics_file import NAME as METRICS
from ...run_dir.metrics_file import read_lines
from .figures import as_uri, line_styles, new_figure, style

Curve = dict[int, float]
_FEW = 8  # points up to which they are marked
_ABREAST = 3  # panels in a line


def read_curve(work_dir: Path, split: str, key: str) -> Curve:
    """Step -> value of one number of a run.

    Args:
        work_dir: The work directory of the run.
        split: `train` or `val`.
        key: Such as `loss` or `mIoU`.
    """
    path = work_dir / METRICS
    lines = read_lines(path) if path.is_file() else []
    return {
        line['step']: line[key]
        for line in lines
        if line['split'] == split and line.get(key) is not None
    }


def spread(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps (S,) that all curves have, mean (S,) and sample standard deviation (S,) there.

    Args:
        curves: One for each seed; with a single one the deviation is nan.
    """
    steps = sorted(set.intersection(*(set(curve) for curve in curves)) if curves else ())
    values = np.array([[curve[step] for step in steps] for curve in curves], dtype=float)
    if len(curves) < 2:
        return np.array(steps), values.reshape(-1), np.full(len(steps), np.nan)
    return np.array(steps), values.mean(0), values.std(0, ddof=1)


def draw_curves(
    rows: dict[str, list[Path]], panels: Sequence[tuple[str, str, str]], baseline: str | None
) -> str:
    """One panel for each number that any row has, one line for each row.

    Args:
        rows: Name -> work dirs of its seeds.
        panels: (title, split, key) of each.
        baseline: The row drawn in black.

    Returns:
        A data URI.
    """
    styles = line_styles(list(rows), baseline)
    found = {panel: _curves_of(rows, *panel[1:]) for panel in panels}
    found = {panel: curves for panel, curves in found.items() if any(curves.values())}
    columns = min(_ABREAST, len(found)) or 1
    lines = -(-len(found) // columns)
    with style():
        figure = new_figure(4.2 * columns, 3.1 * lines + 0.2 + 0.19 * -(-len(rows) // 3))
        for place, ((title, _, _), curves) in enumerate(found.items(), start=1):
            axis = figure.add_subplot(lines, columns, place)
            for row in rows:
                _draw(axis, curves[row], row, styles[row])
            axis.set_title(title)
            axis.set_xlabel('optimiser step')
            axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        handles = {line.get_label(): line for axis in figure.axes for line in axis.get_lines()}
        figure.legend(
            handles=[handles[row] for row in rows if row in handles],
            loc='outside lower center',
            ncols=min(3, len(rows)),
            frameon=False,
        )
        return as_uri(figure)


def _curves_of(rows: dict[str, list[Path]], split: str, key: str) -> dict[str, list[Curve]]:
    """Row -> the curves of its seeds that have one."""
    curves = {row: [read_curve(path, split, key) for path in rows[row]] for row in rows}
    return {row: [curve for curve in several if curve] for row, several in curves.items()}


def _draw(axis: Axes, curves: list[Curve], row: str, line: dict[str, str]) -> None:
    if not curves:
        return
    steps, mean, deviation = spread(curves)
    marker = 'o' if len(steps) <= _FEW else None
    axis.plot(steps, mean, label=row, linewidth=1.5, marker=marker, markersize=3, **line)
    if len(curves) > 1:
        axis.fill_between(
            steps, mean - deviation, mean + deviation, color=line['color'], alpha=0.15, linewidth=0
        )
