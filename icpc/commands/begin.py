"""Where a run begins: what is refused before leaves nothing behind, and so does its first step."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..checkpoints.room import lack_of_room
from ..config.batch_plan import world_size
from ..config.signatures import is_trained
from ..errors import Requeue, ToldToStop, UserError, as_refusal, own_fault
from ..run_dir.metrics_file import NAME as METRICS
from ..run_dir.record import RECORD, RESOLVED, RESOLVED_PY
from ..run_dir.starts import start_record
from ..training.loading.patient_loader import lost_worker
from ..training.preemption import any_rank
from ..training.speed import fault_of_compiling

_WRITTEN = {RECORD, RESOLVED, RESOLVED_PY, 'config.py', METRICS}
_LOGS = re.compile(r'\d{8}_\d{6}')  # the folder of mmengine's log, by the time of the start


def check_trains(cfg: Config) -> None:
    """Raise for a config whose model has nothing to train.

    Args:
        cfg: The finished config.
    """
    if not is_trained(cfg.get('model')):
        raise UserError(
            f'{cfg.filename}: {cfg.model.type} has nothing to train; evaluate it as it is: '
            f'python tools/test.py {cfg.filename}'
        )


class Begin(Hook):
    """Writes the record when all is built, loaded and checked.

    Args:
        cfg: The finished config.
        merged: The config with its variables.
        keeps: Whether checkpoints stay, for which there has to be room; not in a rehearsal, which
            tells it.

    Attributes:
        record: What `find_start` gave.
        done: Whether it has written.
        stepped: Whether a step was taken since.
    """

    priority = 55  # after what may refuse to train, before BELOW_NORMAL: metrics.jsonl and trackers

    def __init__(self, cfg: Config, merged: Config, keeps: bool = True) -> None:
        self._configs, self._keeps = (cfg, merged), keeps
        self.record: dict[str, Any] = {}
        self.done = self.stepped = False

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """A step is done."""
        self.stepped = True

    def after_train(self, runner: Runner) -> None:
        """No step was left to do."""
        self.stepped = True

    def before_train(self, runner: Runner) -> None:
        """From here on the work dir is this run's; a signal that came meanwhile ends it."""
        lacking = [lack_of_room(runner) if self._keeps and is_main_process() else None]
        broadcast_object_list(lacking)
        if lacking[0] is not None:
            raise UserError(lacking[0])
        if self.record.get('seed') is None:  # a run that chooses none still has one
            self.record['seed'] = runner.seed
        start_record(*self._configs, self.record)
        self.done = runner.signals.saves = True
        if any_rank(runner.signals):
            raise Requeue


@contextmanager
def first_step(begin: Begin) -> Iterator[None]:
    """Until a step is done, what a library raises is about what it was given.

    Args:
        begin: The hook that knows whether a step is done.
    """
    try:
        yield
    except (UserError, ToldToStop):
        raise
    except Exception as error:
        fault = fault_of_compiling(error)
        if fault is not None:
            raise fault from error
        together = world_size() > 1 and isinstance(error, RuntimeError)  # another rank is gone
        if begin.stepped or together or lost_worker(error) or own_fault(error) is not None:
            raise
        refusal = as_refusal(error, 'the first step', 'be taken')
        if refusal is None:
            raise
        raise refusal from error


@contextmanager
def nothing_left(folder: Path, begin: Begin) -> Iterator[None]:
    """Remove what a start left that was refused, or whose first step was, in a new work dir.

    Args:
        folder: The work directory, which this process holds.
        begin: The hook that begins the run.
    """
    there = set(folder.iterdir()) if folder.is_dir() else set()
    try:
        yield
    except BaseException as error:
        told = isinstance(error, (ToldToStop, KeyboardInterrupt))
        begun = begin.done and (told or begin.stepped or folder / RECORD in there)
        if not begun and is_main_process() and folder.is_dir():
            for path in set(folder.iterdir()) - there:
                if path.is_dir() and _LOGS.fullmatch(path.name):
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name in _WRITTEN:
                    path.unlink()
        raise
