"""`tools/reproduce.py`: make a run again and say whether it is the same."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from ..engine.run_record import RESOLVED, read_record
from ..errors import UserError

EQUAL, WITHIN, DIFFERENT = 'equal', 'within the seed band', 'different'
_LEVEL = 0.95
_FEWEST = 3  # runs that a band needs


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


def finished_record(work_dir: Path) -> dict[str, Any]:
    """The record of a finished run.

    Raises:
        UserError: When there is none, or it is not finished.
    """
    record = read_record(work_dir)
    if record is None:
        raise UserError(f'{work_dir}: no run.json in it; give the work dir of a run')
    if record['state'] != 'finished':
        raise UserError(f'{work_dir}: the run is not finished; go on with tools/train.py --resume')
    return record


def command(run: Path, out: Path, trainer: Path) -> list[str]:
    """What makes a run again, on as many ranks.

    Args:
        run: Its work dir, which holds its config with every override merged in.
        out: Where the repetition writes.
        trainer: Script of tools/train.py.
    """
    ranks = (finished_record(run)['batch'] or {}).get('ranks', 1)
    arguments = [str(trainer), str(run / 'config.py'), '--work-dir', str(out)]
    if ranks == 1:
        return [sys.executable, *arguments]
    launcher = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={ranks}']
    return [sys.executable, *launcher, *arguments, '--launcher', 'pytorch']


def environment(run: Path) -> dict[str, str]:
    """This process's, with as many threads as the run had: sums in another order are not equal.

    Args:
        run: Its work dir.
    """
    threads = finished_record(run).get('machine', {}).get('threads')
    return {**os.environ, **({} if threads is None else {'OMP_NUM_THREADS': str(threads)})}


def repeat(run: Path, out: Path, trainer: Path) -> None:
    """Make a run again, unless `out` holds the finished repetition already.

    Raises:
        UserError: When training fails.
    """
    done = read_record(out)
    if done is None or done['state'] != 'finished':
        code = subprocess.run(command(run, out, trainer), env=environment(run)).returncode
        if code:
            raise UserError(f'the repetition failed with exit code {code}')


def same_but_seed(run: Path) -> list[Path]:
    """Finished runs beside a run whose config differs in the seed alone, itself among them."""
    own = _without_seed(run)
    beside = sorted(path.parent for path in run.parent.glob(f'*/{RESOLVED}'))
    return [
        path
        for path in beside
        if _without_seed(path) == own and (read_record(path) or {}).get('state') == 'finished'
    ]


def _without_seed(run: Path) -> dict[str, Any]:
    tree = json.loads((run / RESOLVED).read_text())
    for key in ('seed', 'randomness', 'work_dir', 'load_from', 'resume'):
        tree.pop(key, None)
    return tree


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
    if n < _FEWEST:
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
