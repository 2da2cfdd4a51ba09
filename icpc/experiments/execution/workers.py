"""What a study's runs are made with: command and environment of a training's process."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ...checkpoints.newest import newest_whole
from ...console.messages import say
from ...errors import UserError
from ...run_dir.record import run_identity
from ..study.runs import Run
from .snapshot import Snapshot


@dataclass(frozen=True)
class Workers:
    """What the runs are made with.

    Attributes:
        snapshot: The code they run.
        jobs: Processes at a time.
        gpus: Devices that the processes take in turn; none for the CPU.
        threads: OMP_NUM_THREADS of each process, None leaves it.
    """

    snapshot: Snapshot
    jobs: int = 1
    gpus: Sequence[str] = ()
    threads: int | None = 1

    def command(self, run: Run) -> list[str]:
        """What makes a run; it resumes where there is a checkpoint that can be read."""
        resume = ['--resume'] if _resumable(run) else []
        trainer = [sys.executable, str(self.snapshot.tool('train.py')), str(self.snapshot.config)]
        work_dir = ['--work-dir', str(run.work_dir)]
        return [*trainer, *work_dir, *resume, '--cfg-options', *run.options]

    def environment(self, slot: int) -> dict[str, str]:
        """Of the process in a slot, counted from 0."""
        own = {'PYTHONPATH': _first(str(self.snapshot.folder), os.environ.get('PYTHONPATH'))}
        if self.threads is not None:
            own['OMP_NUM_THREADS'] = str(self.threads)
        if self.gpus:
            own['CUDA_VISIBLE_DEVICES'] = self.gpus[slot % len(self.gpus)]
        return {**os.environ, **own}


def _resumable(run: Run) -> bool:
    """Whether a checkpoint is left; a study's run of which none can be read starts anew."""
    try:
        return newest_whole(run.work_dir, run_identity(run.work_dir)) is not None
    except UserError:
        say(f'{run.name}: none of its checkpoints can be read, it starts from the beginning')
        return False


def _first(path: str, others: str | None) -> str:
    return os.pathsep.join([path, *([others] if others else [])])
