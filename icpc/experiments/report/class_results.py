"""Per-class results of rows: IoU differences to the baseline, and confusion between classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...console.messages import say_once
from ...errors import UserError
from ...evaluation.confusion_file import read_confusion
from ...evaluation.table import scores
from ...run_dir.record import CONFUSION
from ..study.runs import Run
from ..tables.statistics import Summary, paired_difference
from .figures import as_uri, new_figure, style

_MOST_BARS = 40  # classes in one chart: the largest gains and losses
_MOST_IN_GRID = 60  # classes whose confusion is drawn


@dataclass(frozen=True)
class Confusion:
    """One wrong prediction.

    Attributes:
        truth: Class.
        predicted: Class.
        share: The share of the class's pixels, percent.
        baseline: The same of the baseline, None for the baseline itself.
    """

    truth: str
    predicted: str
    share: float
    baseline: float | None


@dataclass(frozen=True)
class Counts:
    """What one run counted.

    Attributes:
        seed: The label of the run's seed.
        names: K class names.
        of: Kind of prediction, `head` or `score_map` -> (K, K) counts, truth by prediction.
    """

    seed: str
    names: list[str]
    of: dict[str, np.ndarray]


def read_counts(runs: Sequence[Run]) -> list[Counts]:
    """The confusion counts of runs, empty for one without; damaged ones are named and left out."""
    found = []
    for run in runs:
        path = run.work_dir / CONFUSION
        try:
            arrays = read_confusion(path) if path.is_file() else {}
        except UserError as error:
            say_once(f'note: {error}; its classes are left out')
            continue
        names = [str(name) for name in arrays.pop('class_names', ())]
        arrays.pop('split', None)
        if found and names and found[0].names and names != found[0].names:
            say_once(f'note: {path}: other classes than in {runs[0].work_dir}; it is left out')
            continue
        found.append(Counts(run.seed, names, arrays))
    return found


def kinds(runs: Sequence[Counts]) -> list[str]:
    """The kinds of prediction that all runs counted: `head`, `score_map`."""
    return sorted(set.intersection(*(set(run.of) for run in runs))) if runs else []


def class_differences(
    row: Sequence[Counts], baseline: Sequence[Counts], kind: str
) -> dict[str, Summary]:
    """Name -> difference of IoU in percent, paired by seed, of each class that occurs.

    Args:
        row: The counts of its runs.
        baseline: The counts of the baseline's runs.
        kind: `head` or `score_map`.

    Returns:
        The largest gain comes first.
    """
    own, reference = (
        {run.seed: scores(torch.from_numpy(run.of[kind])).iou.numpy() for run in runs}
        for runs in (row, baseline)
    )
    found = {}
    for index, name in enumerate(row[0].names):
        sides = (
            {seed: iou[index] for seed, iou in side.items() if not np.isnan(iou[index])}
            for side in (own, reference)
        )
        found[name] = paired_difference(*sides)
    return dict(
        sorted(
            ((name, difference) for name, difference in found.items() if difference.n),
            key=lambda item: -item[1].mean,
        )
    )


def draw_differences(differences: dict[str, Summary]) -> str:
    """Bars with 95 % intervals, largest gain at the top; a data URI.

    Args:
        differences: From `class_differences`; of many classes only the ends are drawn.
    """
    half = _MOST_BARS // 2
    names = list(differences)
    if len(names) > _MOST_BARS:
        names = [*names[:half], *names[-half:]]
    shown = [differences[name] for name in names]
    means = np.array([difference.mean for difference in shown])
    errors = np.nan_to_num([difference.half for difference in shown])
    colours = [('#0072b2' if d.mean > 0 else '#d55e00') if d.holds else '#b8b8b8' for d in shown]
    with style():
        figure = new_figure(5.6, 0.7 + 0.2 * len(shown))
        axis = figure.subplots()
        places = np.arange(len(shown))
        axis.barh(places, means, xerr=errors, color=colours, error_kw=dict(lw=0.8, capsize=1.5))
        axis.axvline(0, color='black', linewidth=0.8)
        axis.set_yticks(places, names)
        axis.set_ylim(len(shown) - 0.4, -0.6)
        axis.grid(axis='y', visible=False)
        axis.set_xlabel('difference of IoU, points')
        return as_uri(figure)


def shares(runs: Sequence[Counts], kind: str) -> np.ndarray:
    """(K, K) percent of each true class's pixels, summed over seeds; nan for absent classes.

    Args:
        runs: The counts of one row's runs.
        kind: `head` or `score_map`.
    """
    counts = sum(run.of[kind].astype(np.float64) for run in runs)
    with np.errstate(invalid='ignore'):
        return 100 * counts / counts.sum(1, keepdims=True)


def confusions(
    own: np.ndarray, baseline: np.ndarray | None, names: Sequence[str], count: int = 12
) -> list[Confusion]:
    """The most frequent wrong predictions.

    Args:
        own: (K, K) from `shares`.
        baseline: The baseline's, or None.
        names: K class names.
        count: How many at most.
    """
    wrong = np.nan_to_num(own).copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind='stable')[:count]
    pairs = [divmod(int(place), len(names)) for place in order]
    return [
        Confusion(
            names[truth],
            names[predicted],
            float(wrong[truth, predicted]),
            None if baseline is None else float(baseline[truth, predicted]),
        )
        for truth, predicted in pairs
        if wrong[truth, predicted] > 0
    ]


def draw_confusion(own: np.ndarray, names: Sequence[str]) -> str | None:
    """The shares as a grid, a data URI; None for too many classes.

    Args:
        own: (K, K) from `shares`.
        names: K class names.
    """
    if len(names) > _MOST_IN_GRID:
        return None
    with style():
        figure = new_figure(2.2 + 0.2 * len(names), 1.6 + 0.2 * len(names))
        axis = figure.subplots()
        picture = axis.imshow(own, cmap='Blues', vmin=0, vmax=100, interpolation='nearest')
        axis.grid(visible=False)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(names)), names, fontsize=7)
        axis.set_xlabel('predicted')
        axis.set_ylabel('truth')
        figure.colorbar(picture, shrink=0.7, label='% of the true class')
        return as_uri(figure)
