"""What a study's runs are made with: command and environment of a training's process."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ...checkpoints.newest import newest_whole
from ...console.messages import say
from ...errors import UserError
from ...run_dir.record import run_identity
from ..study.runs import PlannedRun
from .snapshot import Snapshot


@dataclass(frozen=True)
class Workers:
    """What the runs are made with.

    Attributes:
        snapshot: The copy of the code that they run.
        jobs: The number of processes at a time.
        gpus: The devices that the processes take in turn; none for the CPU.
        threads: OMP_NUM_THREADS of each process; None leaves it.
    """

    snapshot: Snapshot
    jobs: int = 1
    gpus: Sequence[str] = ()
    threads: int | None = 1

    def command(self, run: PlannedRun) -> list[str]:
        """What makes a run; it resumes where there is a checkpoint that can be read."""
        resume = ['--resume'] if _resumable(run) else []
        trainer = [sys.executable, str(self.snapshot.tool('train.py')), str(self.snapshot.config)]
        work_dir = ['--work-dir', str(run.work_dir)]
        return [*trainer, *work_dir, *resume, '--cfg-options', *run.options]

    def environment(self, slot: int) -> dict[str, str]:
        """The environment of the process in a slot, counted from 0."""
        path = [str(self.snapshot.folder), *filter(None, [os.environ.get('PYTHONPATH')])]
        own = {'PYTHONPATH': os.pathsep.join(path)}
        if self.threads is not None:
            own['OMP_NUM_THREADS'] = str(self.threads)
        if self.gpus:
            own['CUDA_VISIBLE_DEVICES'] = self.gpus[slot % len(self.gpus)]
        return {**os.environ, **own}


def _resumable(run: PlannedRun) -> bool:
    """Whether a checkpoint is left; a study's run of which none can be read starts anew."""
    try:
        return newest_whole(run.work_dir, run_identity(run.work_dir)) is not None
    except UserError:
        say(f'{run.name}: none of its checkpoints can be read, it starts from the beginning')
        return False
