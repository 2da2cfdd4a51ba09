"""What a study's runs took, and what the missing ones will take."""

import math
from collections.abc import Sequence

from rich.table import Table

from ...run_dir.record import read_record
from ..study.runs import Run
from .sheets import clock


def measured(runs: Sequence[Run]) -> dict[Run, float]:
    """Seconds that each finished run took."""
    records = {run: read_record(run.work_dir) for run in runs}
    return {
        run: record['seconds']
        for run, record in records.items()
        if record is not None and record['state'] == 'finished'
    }


def expected(run: Run, known: dict[Run, float]) -> float:
    """A run's time as measured; else from its row's, its regime's or all finished runs.

    Runs of other lengths count by their time for a step.

    Args:
        run: The run.
        known: From `measured`.

    Returns:
        Seconds, nan when nothing is finished.
    """
    if run in known:
        return known[run]
    for similar in (
        [other for other in known if (other.regime, other.row) == (run.regime, run.row)],
        [other for other in known if other.regime == run.regime],
        list(known),
    ):
        if similar:
            times = [known[other] * _length(run) / _length(other) for other in similar]
            return sum(times) / len(times)
    return math.nan


def _length(run: Run) -> int:
    return run.steps or 1


def seconds_left(runs: Sequence[Run], jobs: int) -> float:
    """Seconds until the missing runs are made.

    Args:
        runs: All runs of the study.
        jobs: Made at a time.
    """
    known = measured(runs)
    return sum(expected(run, known) for run in runs if run not in known) / jobs


def cost_line(runs: Sequence[Run], jobs: int) -> str:
    """How much is left, in words."""
    known = measured(runs)
    todo = [run for run in runs if run not in known]
    if not todo:
        return 'all runs are finished'
    seconds = seconds_left(runs, jobs)
    left = 'an unknown time' if math.isnan(seconds) else f'about {clock(seconds)}'
    steps = sum(run.steps for run in todo)
    pictures = sum(run.steps * run.pictures for run in todo)
    work = f'{steps:,} steps, {pictures:,} pictures'
    return f'{len(todo)} of {len(runs)} runs to make ({work}), {jobs} at a time: {left}'


def matrix_table(name: str, runs: Sequence[Run]) -> Table:
    """Every run with its state and time.

    Args:
        name: Of the study.
        runs: All its runs.
    """
    table = Table(title=f'{name}: {len(runs)} runs', title_justify='left')
    for column in ('number', 'run', 'steps', 'state', 'time'):
        table.add_column(column, justify='left' if column in ('run', 'state') else 'right')
    known = measured(runs)
    for number, run in enumerate(runs):
        state = 'finished' if run in known else 'started' if run.work_dir.is_dir() else 'to do'
        seconds = expected(run, known)
        about = '' if run in known or math.isnan(seconds) else 'about '
        table.add_row(str(number), run.name, str(run.steps), state, f'{about}{clock(seconds)}')
    return table
