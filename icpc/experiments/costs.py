"""What a study's runs took, and what the missing ones will take."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from ..engine.run_record import read_record
from .matrix import Run
from .tables import clock


def seconds_of(run: Run, runs: Sequence[Run]) -> float:
    """A run's time as measured; else the mean of its row's, its regime's or all finished runs.

    Args:
        run: The run.
        runs: All runs of the study.

    Returns:
        Seconds, nan when nothing is finished.
    """
    done = [other for other in runs if other.finished]
    for chosen in (
        [other for other in done if other is run],
        [other for other in done if (other.regime, other.row) == (run.regime, run.row)],
        [other for other in done if other.regime == run.regime],
        done,
    ):
        if chosen:
            return sum(read_record(other.work_dir)['seconds'] for other in chosen) / len(chosen)
    return math.nan


def seconds_left(runs: Sequence[Run], jobs: int) -> float:
    """Seconds until the missing runs are made.

    Args:
        runs: All runs of the study.
        jobs: Made at a time.
    """
    return sum(seconds_of(run, runs) for run in runs if not run.finished) / jobs


def cost_line(runs: Sequence[Run], jobs: int) -> str:
    """How much is left, in words."""
    todo = sum(not run.finished for run in runs)
    if not todo:
        return 'all runs are finished'
    seconds = seconds_left(runs, jobs)
    left = 'an unknown time' if math.isnan(seconds) else f'about {clock(seconds)}'
    return f'{todo} of {len(runs)} runs to make, {jobs} at a time: {left}'


def matrix_table(name: str, runs: Sequence[Run]) -> Table:
    """Every run with its state and time.

    Args:
        name: Of the study.
        runs: All its runs.
    """
    table = Table(title=f'{name}: {len(runs)} runs', title_justify='left')
    for column in ('number', 'run', 'state', 'time'):
        table.add_column(column, justify='right' if column in ('number', 'time') else 'left')
    for number, run in enumerate(runs):
        state = 'finished' if run.finished else 'started' if run.work_dir.is_dir() else 'to do'
        seconds = seconds_of(run, runs)
        about = '' if run.finished or math.isnan(seconds) else 'about '
        table.add_row(str(number), run.name, state, f'{about}{clock(seconds)}')
    return table
