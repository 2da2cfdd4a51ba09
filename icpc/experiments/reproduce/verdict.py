"""Whether a repetition is the same as its run, and which runs make the band of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from ...errors import UserError
from ...run_dir.record import RESOLVED, read_json, read_record
from .repeat import MARK, finished_record

EQUAL, WITHIN, DIFFERENT = 'equal', 'within the seed band', 'different'
_LEVEL = 0.95
FEWEST = 3  # runs that a band needs


@dataclass(frozen=True)
class Comparison:
    """One number of the original run and of its repetition.

    Attributes:
        name: Such as `test mIoU`.
        original: Of the run.
        again: Of its repetition.
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
    own = _Recipe.of(run)
    found = {own.seed: run}
    for path in sorted(path.parent for path in run.parent.glob(f'*/{RESOLVED}')):
        if path.resolve() == run.resolve() or (path / MARK).is_file():
            continue
        other = _Recipe.of(path)
        if other.finished and (other.settings, other.made_of) == (own.settings, own.made_of):
            found.setdefault(other.seed, path)
    return sorted(found.values())


@dataclass(frozen=True)
class _Recipe:
    """What runs of one band have in common, and the seed."""

    settings: dict[str, Any]
    made_of: list[Any]
    seed: Any
    finished: bool

    @classmethod
    def of(cls, run: Path) -> _Recipe:
        settings, record = read_json(run / RESOLVED), read_record(run) or {}
        prints = record.get('fingerprints') or {}
        seed, randomness = settings.pop('seed', None), settings.pop('randomness', None) or {}
        for key in ('work_dir', 'load_from', 'resume'):  # the weights have a fingerprint
            settings.pop(key, None)
        codes = {prints.get('code'), *(s.get('code') for s in record.get('segments') or [])}
        made_of = [codes - {None}, *(prints.get(key) for key in ('data', 'weights'))]
        seed = randomness.get('seed', seed)
        return cls(settings, made_of, seed, record.get('state') == 'finished')


def numbers(record: dict[str, Any]) -> dict[str, float]:
    """All results of a run: `{'test mIoU': 44.1, ...}`."""
    return {
        f'{split} {key}': value
        for split, results in record['metrics'].items()
        for key, value in results.items()
        if key != 'step' and value is not None
    }


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
        again: Of its repetition.
        others: Of runs that differ from it in the seed alone; they make the band.
    """
    original, repeated = (numbers(finished_record(path)) for path in (run, again))
    if original.keys() != repeated.keys():
        raise UserError(f'{run} has results {sorted(original)}, {again} has {sorted(repeated)}')
    spread = [numbers(finished_record(path)) for path in others]
    return [
        Comparison(
            name,
            value,
            repeated[name],
            seed_band([results[name] for results in spread if name in results]),
        )
        for name, value in original.items()
    ]


def overall(comparisons: Sequence[Comparison]) -> str:
    """The worst verdict."""
    found = {comparison.verdict for comparison in comparisons}
    return next(verdict for verdict in (DIFFERENT, WITHIN, EQUAL) if verdict in found)
