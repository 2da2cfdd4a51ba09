"""What a study's runs took, and what the missing ones will take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from ...console.numbers import clock
from ..study.runs import PlannedRun, finished_records


@dataclass(frozen=True)
class Costs:
    """The time of a study's runs.

    Attributes:
        runs: All runs of the study.
        known: The seconds that each finished run took.
        jobs: The number of runs that are made at a time.
    """

    runs: Sequence[PlannedRun]
    known: dict[PlannedRun, float]
    jobs: int

    @property
    def missing(self) -> list[PlannedRun]:
        """The runs that are not finished."""
        return [run for run in self.runs if run not in self.known]

    @property
    def seconds_left(self) -> float:
        """The seconds until all runs are made, nan when nothing is finished."""
        return sum(self.expected(run) for run in self.missing) / self.jobs

    def expected(self, run: PlannedRun) -> float:
        """A run's seconds as measured; else from its row's, its regime's or all finished runs.

        Runs of other lengths count by their time for a step; nan when nothing is finished.
        """
        if run in self.known:
            return self.known[run]
        for like in (
            lambda other: (other.regime, other.row) == (run.regime, run.row),
            lambda other: other.regime == run.regime,
            lambda other: True,
        ):
            times = [
                seconds * (run.steps or 1) / (other.steps or 1)
                for other, seconds in self.known.items()
                if like(other)
            ]
            if times:
                return sum(times) / len(times)
        return math.nan

    def __str__(self) -> str:
        """How much is left, in words."""
        if not self.missing:
            return 'all runs are finished'
        seconds = self.seconds_left
        left = 'an unknown time' if math.isnan(seconds) else f'about {clock(seconds)}'
        steps = sum(run.steps for run in self.missing)
        pictures = sum(run.steps * run.images_per_step for run in self.missing)
        return (
            f'{len(self.missing)} of {len(self.runs)} runs to make ({steps:,} steps, {pictures:,} '
            f'pictures), {self.jobs} at a time: {left}'
        )

    def table(self, name: str) -> Table:
        """Every run with its state and time.

        Args:
            name: The name of the study.
        """
        table = Table(title=f'{name}: {len(self.runs)} runs', title_justify='left')
        for column in ('number', 'run', 'steps', 'state', 'time'):
            table.add_column(column, justify='left' if column in ('run', 'state') else 'right')
        for number, run in enumerate(self.runs):
            begun = 'started' if run.work_dir.is_dir() else 'to do'
            state = 'finished' if run in self.known else begun
            seconds = self.expected(run)
            about = '' if run in self.known or math.isnan(seconds) else 'about '
            table.add_row(str(number), run.name, str(run.steps), state, f'{about}{clock(seconds)}')
        return table


def read_costs(runs: Sequence[PlannedRun], jobs: int) -> Costs:
    """Read from their records what the finished runs of a study took."""
    records = finished_records(runs)
    known = {run: record.get('seconds') or math.nan for run, record in records.items()}
    return Costs(runs, known, jobs)
