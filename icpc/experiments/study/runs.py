"""From a study to its runs: overrides, identity and work directory of each."""

import itertools
import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...config.load import load_config
from ...config.user_modules import user_modules
from ...datasets.checks.verification import LOADERS
from ...errors import UserError
from ...run_dir.fingerprints import (
    data_fingerprint,
    weights_fingerprint,
    with_user_code,
)
from ...run_dir.record import FINISHED, whole_record
from ...run_dir.same_run import recorded_fingerprint, run_fingerprint
from ..reproduce.repeat import MARK
from .schema import Study, merge
from .variables import Overrides

# On the validation split nothing of the test split is read.
_NO_TEST = {'test_dataloader': None, 'test_evaluator': None, 'test_cfg': None}


@dataclass(frozen=True, eq=False)
class Run:
    """One cell of the matrix.

    Attributes:
        regime: The name of its regime, empty where the study has none.
        row: The name of its row.
        seed: The label of its seed.
        work_dir: Where it writes.
        code: The hash of icpc's code, and of the user's modules where there are any.
    """

    regime: str
    row: str
    seed: str
    work_dir: Path
    code: str

    @property
    def name(self) -> str:
        """Such as `20 labels / CoOp / seed 3`."""
        return ' / '.join([*([self.regime] if self.regime else []), self.row, f'seed {self.seed}'])

    @property
    def finished(self) -> bool:
        """Whether the run is there, trained to its end and evaluated; its record is read."""
        return bool(finished_records([self]))

    @property
    def modules(self) -> tuple[str, ...]:
        """The user's modules that its config imports, as far as they are known."""
        return ()


@dataclass(frozen=True, eq=False)
class PlannedRun(Run):
    """A run that can be made; its work directory holds identity and code in its name.

    Attributes:
        overrides: What it changes in the study's config.
        identity: The hash of resolved config, data and weights.
        config: The resolved config.
    """

    overrides: Overrides
    identity: str
    config: dict[str, Any]

    @property
    def steps(self) -> int:
        """The number of optimiser steps."""
        return self.config.get('max_iters') or 0

    @property
    def images_per_step(self) -> int:
        """The number of pictures that one optimiser step sees."""
        return self.config.get('global_batch') or 0

    @property
    def modules(self) -> tuple[str, ...]:
        """The user's modules that its config imports."""
        return user_modules(self.config)

    @property
    def options(self) -> list[str]:
        """The overrides as `--cfg-options` takes them."""
        return [f'{path}={value!r}' for path, value in self.overrides.items()]


def finished_records(runs: Iterable[Run]) -> dict[Run, dict[str, Any]]:
    """Read the record of every run that is trained to its end and evaluated.

    A damaged one is named, and its run counts as not finished.
    """
    records = ((run, whole_record(run.work_dir)) for run in runs)
    return {run: record for run, record in records if record and record.get('state') == FINISHED}


def expand(study: Study, out: Path, code: str, any_code: bool = False) -> list[PlannedRun]:
    """All runs of a study, seed by seed, so that every row has a first seed early.

    Every config is resolved here: a misspelt override stops the study before its first run.

    Args:
        study: The study.
        out: Its folder.
        code: The hash of icpc's code.
        any_code: Take a finished run of the same config whatever code made it.

    Raises:
        UserError: For a row whose config cannot be resolved; two rows that are the same run.
    """
    runs, known, codes = [], {}, {}
    unread = _NO_TEST if study.split == 'val' else {}
    for (label, seed), (regime, setting), (row, own) in itertools.product(
        study.seeds.items(), study.regimes.items(), study.rows.items()
    ):
        overrides = merge(study.shared, setting, own, seed, unread)
        config = _resolved(study, overrides, f'{regime} {row}'.strip())
        modules, identity = user_modules(config), _identity(config, known)
        if modules not in codes:
            codes[modules] = with_user_code(code, modules)
        folder = out / 'runs' / _slug(regime) / _slug(row)
        work_dir = folder / f'{_slug(label)}-{identity}-{codes[modules]}'
        run = PlannedRun(regime, row, label, work_dir, codes[modules], overrides, identity, config)
        runs.append(_made_by_other_code(run) or run if any_code else run)
    _refuse_equal_rows(runs)
    return runs


def _resolved(study: Study, overrides: Overrides, name: str) -> dict[str, Any]:
    notes = logging.getLogger('icpc')
    notes.disabled = True  # each run says them itself
    try:
        return load_config(study.base, overrides).to_dict()
    except UserError as error:
        raise UserError(f'row {name!r}: {error}') from error
    finally:
        notes.disabled = False


def datasets_of(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The configs of the datasets that a run reads, by the name of the loader."""
    found = {key: (config.get(key) or {}).get('dataset') for key in LOADERS}
    return {key: dataset for key, dataset in found.items() if dataset}


def _identity(config: dict[str, Any], known: dict[str, str | None]) -> str:
    """What makes two runs the same: resolved config, data and weights.

    Args:
        config: The resolved config.
        known: The fingerprints so far; what many runs share is read once.
    """

    def once(part: dict[str, Any], fingerprint: Callable[[dict], str | None]) -> str | None:
        named = ('data_root', 'data_prefix', 'ann_file', 'clip', 'load_from')
        places = {key: part[key] for key in named if key in part}
        key = json.dumps(places, sort_keys=True, default=str)
        if key not in known:
            known[key] = fingerprint(part)
        return known[key]

    data = {
        key.removesuffix('_dataloader'): once(dataset, data_fingerprint)
        for key, dataset in datasets_of(config).items()
    }
    start = config.get('load_from')
    places = {**(config.get('model') or {}), 'load_from': start}
    weights = once(places, partial(weights_fingerprint, load_from=start))
    return run_fingerprint(config, {'data': data, 'weights': weights})


def _made_by_other_code(run: PlannedRun) -> PlannedRun | None:
    """The newest finished run of the same identity; None where the run itself is finished.

    A folder that an older version named is known by what it recorded.
    """
    if run.finished:
        return None
    seed = _slug(run.seed)
    others = [
        path
        for path in run.work_dir.parent.glob(f'{seed}-*')
        if path.name.startswith(f'{seed}-{run.identity}-')
        or recorded_fingerprint(path) == run.identity
    ]
    for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True):
        other = replace(run, work_dir=path, code=path.name.rpartition('-')[2])
        if not (path / MARK).is_file() and other.finished:
            return other
    return None


def _refuse_equal_rows(runs: list[PlannedRun]) -> None:
    first: dict[tuple[str, str], Run] = {}
    for run in runs:
        twin = first.setdefault((run.regime, run.identity), run)
        if twin is not run:
            raise UserError(
                f'{twin.name!r} and {run.name!r} resolve to the same config: one of them does not '
                'do what its name says, or they differ only in what is no part of a recipe '
                '(gpu_batch, ranks, loaders, activation_checkpointing, intervals, places)'
            )


def _slug(name: str) -> str:
    return re.sub(r'[^A-Za-z0-9.+=]+', '_', name).strip('_') or 'all'
