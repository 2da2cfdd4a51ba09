"""From a study to its runs: overrides, identity and work dir of each."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ...config.load import load_config
from ...config.user_modules import user_modules
from ...errors import UserError
from ...run_dir.fingerprints import (
    data_fingerprint,
    weights_fingerprint,
    with_user_code,
)
from ...run_dir.record import read_record
from ...run_dir.same_run import recorded_fingerprint, run_fingerprint
from ..reproduce.repeat import MARK
from .inputs import Inputs, inputs_of
from .metric_names import check_metrics
from .schema import Overrides, Study, merge

# On the validation split nothing of the test split is read.
_NO_TEST = {'test_dataloader': None, 'test_evaluator': None, 'test_cfg': None}


@dataclass(frozen=True, eq=False)
class Run:
    """One cell of the matrix.

    Attributes:
        regime: Name of the regime, empty where the study has none.
        row: Name of the row.
        seed: Label of the seed.
        overrides: Of the config.
        identity: Hash of resolved config, data and weights.
        code: Hash of icpc's code, and of the user's modules where there are any.
        work_dir: Where it writes; holds identity and code in its name.
        steps: Optimiser steps.
        pictures: Of a step.
        modules: The user's, that its config imports.
        inputs: What it reads and measures.
    """

    regime: str
    row: str
    seed: str
    overrides: Overrides
    identity: str
    code: str
    work_dir: Path
    steps: int = 0
    pictures: int = 0
    modules: tuple[str, ...] = ()
    inputs: Inputs = field(default_factory=Inputs)

    @property
    def name(self) -> str:
        """Such as `20 labels / CoOp / seed 3`."""
        return ' / '.join([*([self.regime] if self.regime else []), self.row, f'seed {self.seed}'])

    @property
    def finished(self) -> bool:
        """Whether the run is there, trained to its end and evaluated."""
        record = read_record(self.work_dir)
        return record is not None and record['state'] == 'finished'

    @property
    def options(self) -> list[str]:
        """The overrides as `--cfg-options` takes them."""
        return [f'{path}={value!r}' for path, value in self.overrides.items()]


def expand(study: Study, out: Path, code: str, any_code: bool = False) -> list[Run]:
    """All runs of a study, seed by seed, so that every row has a first seed early.

    Every config is resolved here: a misspelt override or metric stops the study before its first
    run.

    Args:
        study: The study.
        out: Its folder.
        code: Hash of icpc's code.
        any_code: Take a finished run of the same config whatever code made it.

    Raises:
        UserError: For a row whose config cannot be resolved; two rows that are the same run; or a
            metric that no run can give.
    """
    runs, known, codes = [], {}, {}
    unread = _NO_TEST if study.split == 'val' else {}
    for label, seed in study.seeds.items():
        for regime, setting in study.regimes.items():
            for row, own in study.rows.items():
                overrides = merge(study.shared, setting, own, seed, unread)
                config = _resolved(study, overrides, f'{regime} {row}'.strip())
                identity, modules = _identity(config, known), user_modules(config)
                if modules not in codes:
                    codes[modules] = with_user_code(code, modules)
                folder = out / 'runs' / _slug(regime) / _slug(row)
                run = Run(
                    *(regime, row, label, overrides, identity, codes[modules]),
                    folder / f'{_slug(label)}-{identity}-{codes[modules]}',
                    config.get('max_iters') or 0,
                    config.get('global_batch') or 0,
                    modules,
                    inputs_of(config, study.split),
                )
                runs.append(_older(run, folder) if any_code else run)
    _refuse_twins(runs)
    check_metrics(study, [run.inputs for run in runs])
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


def _identity(config: dict[str, Any], known: dict[str, str | None]) -> str:
    data = {
        split: _once(known, config[f'{split}_dataloader']['dataset'], data_fingerprint)
        for split in ('train', 'val', 'test')
        if config.get(f'{split}_dataloader')
    }
    start = config.get('load_from')
    places = {**(config.get('model') or {}), 'load_from': start}
    weights = _once(known, places, partial(weights_fingerprint, load_from=start))
    return run_fingerprint(config, {'data': data, 'weights': weights})


def _once(known: dict[str, str | None], config: dict, fingerprint: Callable) -> str | None:
    """Fingerprint what many runs share only once."""
    places = {
        key: config[key]
        for key in ('data_root', 'data_prefix', 'ann_file', 'clip', 'load_from')
        if key in config
    }
    key = json.dumps(places, sort_keys=True, default=str)
    if key not in known:
        known[key] = fingerprint(config)
    return known[key]


def _older(run: Run, folder: Path) -> Run:
    """The same run made by other code, where only that is finished."""
    named = f'{_slug(run.seed)}-{run.identity}-'
    others = [
        path
        for path in folder.glob(f'{_slug(run.seed)}-*')
        # A folder that an older version named is known by what it recorded.
        if path.name.startswith(named) or recorded_fingerprint(path) == run.identity
    ]
    others.sort(key=lambda path: path.stat().st_mtime)
    for path in reversed([path for path in others if not (path / MARK).is_file()]):
        other = Run(**{**vars(run), 'work_dir': path, 'code': path.name.rpartition('-')[2]})
        if other.finished and not run.finished:
            return other
    return run


def _refuse_twins(runs: list[Run]) -> None:
    first: dict[tuple[str, str], Run] = {}
    for run in runs:
        twin = first.setdefault((run.regime, run.identity), run)
        if twin is not run:
            raise UserError(
                f'{twin.name!r} and {run.name!r} resolve to the same config: one of them does not '
                'do what its name says'
            )


def _slug(name: str) -> str:
    return re.sub(r'[^A-Za-z0-9.+=]+', '_', name).strip('_') or 'all'
