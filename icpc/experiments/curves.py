"""Learning curves: the mean over seeds, and their spread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ..engine.metrics_file import NAME as METRICS
from .figures import as_uri, line_styles, new_figure, style

Curve = dict[int, float]
_FEW = 8  # points up to which they are marked


def read_curve(work_dir: Path, split: str, key: str) -> Curve:
    """Step -> value of one number of a run.

    Args:
        work_dir: Of the run.
        split: `train` or `val`.
        key: Such as `loss` or `mIoU`.
    """
    path = work_dir / METRICS
    lines = map(json.loads, path.read_text().splitlines() if path.is_file() else ())
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
    """One panel for each number, one line for each row.

    Args:
        rows: Name -> work dirs of its seeds.
        panels: (title, split, key) of each.
        baseline: The row drawn in black.

    Returns:
        A data URI.
    """
    styles = line_styles(list(rows), baseline)
    with style():
        figure = new_figure(4.2 * len(panels), 3.3 + 0.19 * -(-len(rows) // 3))
        for axis, (title, split, key) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            for row, folders in rows.items():
                curves = [read_curve(folder, split, key) for folder in folders]
                _draw(axis, [curve for curve in curves if curve], row, styles[row])
            axis.set_title(title)
            axis.set_xlabel('optimiser step')
        handles = {line.get_label(): line for axis in figure.axes for line in axis.get_lines()}
        figure.legend(
            handles=[handles[row] for row in rows if row in handles],
            loc='outside lower center',
            ncols=min(3, len(rows)),
            frameon=False,
        )
        return as_uri(figure)


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
