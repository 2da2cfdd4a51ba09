"""Whether a repetition is the same as its run, and which runs make the band of seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from ...console.messages import say
from ...errors import UserError
from ...run_dir.record import RESOLVED, RunRecord
from ...run_dir.same_run import FREE_AND_SEED, differences, recorded_settings
from .repeat import MARK, finished_record

EQUAL, WITHIN, DIFFERENT = 'equal', 'within the seed band', 'different'
_LEVEL = 0.95
FEWEST = 3  # runs that a band needs


@dataclass(frozen=True)
class Comparison:
    """One number of the original run and of its repetition.

    Attributes:
        name: Such as `test mIoU`.
        original: The record of the run.
        again: The record of its repetition.
        band: Where 95 % of runs with another seed fall, None when too few are known.
    """

    name: str
    original: float
    again: float
    band: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """`equal`, `within the seed band` or `different`."""
        if self.original == self.again:
            return EQUAL
        inside = self.band is not None and self.band[0] <= self.again <= self.band[1]
        return WITHIN if inside else DIFFERENT


def same_but_seed(run: Path) -> list[Path]:
    """Finished runs beside a run that differ from it in the seed alone, one for each seed.

    The run itself stands for its seed. Repetitions are left out, and so is what other code, data or
    weights made.

    Args:
        run: Its work dir.
    """
    try:
        own, own_codes, own_seed = _made_of(run)
    except UserError as error:
        say(f'note: {error}; no other seed of this run can be found')
        return [run]
    found = {own_seed: run}
    for path in sorted(path.parent for path in run.parent.glob(f'*/{RESOLVED}')):
        if path.resolve() == run.resolve() or (path / MARK).is_file():
            continue
        try:
            other, codes, seed = _made_of(path)
        except UserError as error:
            say(f'note: {error}; it is left out of the known seeds')
            continue
        same = codes == own_codes and not differences(own, other, FREE_AND_SEED)
        if same and RunRecord.of(path).finished:
            found.setdefault(seed, path)
    return sorted(found.values())


def _made_of(run: Path) -> tuple[dict[str, Any], set[str], Any]:
    """The settings of a run, all versions of the code that it ran on, and its seed."""
    tree, record = recorded_settings(run), RunRecord.of(run)
    codes = {record.fingerprints.get('code'), *(start.get('code') for start in record.segments)}
    seed = (tree.get('randomness') or {}).get('seed', tree.get('seed'))
    return tree, codes - {None}, seed


def seed_band(values: Sequence[float]) -> tuple[float, float] | None:
    """Where a further run falls with 95 % chance: mean +- t sd sqrt(1 + 1 / n).

    Args:
        values: Of runs that differ in the seed alone.
    """
    n = len(values)
    if n < FEWEST:
        return None
    half = stats.t.ppf((1 + _LEVEL) / 2, n - 1) * np.std(values, ddof=1) * math.sqrt(1 + 1 / n)
    return float(np.mean(values) - half), float(np.mean(values) + half)


def compare(run: Path, again: Path, others: Sequence[Path]) -> list[Comparison]:
    """Hold every number of a run against its repetition's.

    Args:
        run: Work dir of the run.
        again: The record of its repetition.
        others: Of runs that differ from it in the seed alone; they make the band.
    """
    original, repeated = (_numbers(path) for path in (run, again))
    if original.keys() != repeated.keys():
        raise UserError(f'{run} has results {sorted(original)}, {again} has {sorted(repeated)}')
    spread = [_numbers(path) for path in others]
    return [
        Comparison(
            name,
            value,
            repeated[name],
            seed_band([results[name] for results in spread if name in results]),
        )
        for name, value in original.items()
    ]


def _numbers(run: Path) -> dict[str, float]:
    """All results of a finished run: `{'test mIoU': 44.1, ...}`."""
    return {' '.join(name): value for name, value in finished_record(run).results.items()}


def overall(comparisons: Sequence[Comparison]) -> str:
    """The worst verdict."""
    found = {comparison.verdict for comparison in comparisons}
    return next(verdict for verdict in (DIFFERENT, WITHIN, EQUAL) if verdict in found)
