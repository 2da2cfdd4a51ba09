"""`tools/ablate.py`: make a study's runs and its tables."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from ..checkpoints.content import steps_in
from ..console.messages import say
from ..errors import UserError
from ..files import write_text_atomically
from ..run_dir.fingerprints import code_fingerprint, with_user_code
from ..run_dir.record import read_record
from .execution.jobs import OUTPUT, Ending, execute
from .execution.request import Request
from .execution.slurm import array_script, task_command
from .execution.snapshot import Snapshot, take_snapshot
from .execution.workers import Workers
from .study.copies import copy_study
from .study.inputs import missing_inputs
from .study.runs import Run, expand
from .study.schema import load_study
from .study.study_files import write_index, write_tables
from .tables.costs import cost_line, matrix_table, seconds_left
from .tables.sheets import clock
from .tables.study_results import value_of


class Ablation:
    """A study, its runs, and where they are.

    Args:
        request: What the command line asks for.
        tools: Folder of the tools' scripts.

    Raises:
        UserError: For a study that is not consistent, or a run whose config cannot be resolved.
    """

    def __init__(self, request: Request, tools: Path) -> None:
        request.check()
        self.request = request
        self.study = load_study(request.study)
        self.out = Path(request.out or Path('work_dirs/studies') / self.study.name)
        self.code = code_fingerprint()
        self.runs = expand(self.study, self.out, self.code, request.any_code)
        self.modules = sorted({name for run in self.runs for name in run.modules})
        self.all_code = with_user_code(self.code, self.modules)
        self.tools = tools
        self.gpus = request.gpus
        if self.gpus is None:
            self.gpus = [str(index) for index in range(torch.cuda.device_count())]
        self.jobs = max(1, len(self.gpus)) if request.jobs is None else request.jobs

    def show(self) -> None:
        """Print the matrix and what is left to pay."""
        say(matrix_table(self.study.name, self.runs))
        say(cost_line(self.runs, self.jobs))
        for fault in self._missing(self.runs):
            say(f'MISSING, without it the runs are refused: {fault}')

    def _missing(self, runs: Sequence[Run]) -> list[str]:
        """What the unfinished ones of some runs would not find on disk."""
        return missing_inputs(run.inputs for run in runs if not run.finished)

    def _refuse_missing(self, runs: Sequence[Run]) -> None:
        faults = self._missing(runs)
        if faults:
            raise UserError(f'no run was started: {"; ".join(faults)}')

    def write_slurm(self) -> tuple[Path, list[str]]:
        """Write a script for sbatch whose tasks make one run each, from copies of all they read.

        Returns:
            The script, and the command of its tasks, which makes the tables with --table.

        Raises:
            UserError: When data or a CLIP that the runs need is missing.
        """
        self._refuse_missing(self.runs)
        path, logs = self.out / 'slurm.sh', self.out / 'slurm'
        logs.mkdir(parents=True, exist_ok=True)
        snapshot = self._freeze()
        study = copy_study(self.study, snapshot)
        command = task_command(self.request, study, self.out, snapshot)
        name, count = self.study.name, len(self.runs)
        script = array_script(name, count, self.request, bool(self.gpus), logs, command)
        write_text_atomically(script, path)
        return path, command

    def make(self) -> list[Ending]:
        """Make what is missing; returns what failed.

        Raises:
            UserError: When data or a CLIP that the runs need is missing.
            Stopped: When it was told to stop; the same command goes on.
        """
        runs, only = self.runs, self.request.only
        if only is not None:
            if not 0 <= only < len(runs):
                raise UserError(f'--only {only}: the runs are 0 to {len(runs) - 1}')
            runs = runs[only : only + 1]
        self._refuse_missing(runs)
        write_index(self.study, self.runs, self.out)
        say(cost_line(self.runs, self.jobs))
        threads = None if self.gpus else self.request.threads
        workers = Workers(self._freeze(), self.jobs, self.gpus, threads)
        return execute(runs, workers, self._tell, say)

    def _freeze(self) -> Snapshot:
        snapshot = take_snapshot(self.study.base, self.tools, self.out, self.modules)
        code = with_user_code(code_fingerprint(snapshot.folder / 'icpc'), self.modules)
        if code != self.all_code:
            raise UserError('the code changed while it was read; start again')
        return snapshot

    def _tell(self, ending: Ending) -> None:
        run = ending.run
        if ending.failed:
            say(f'FAILED {run.name}, exit code {ending.code}, {run.work_dir / OUTPUT} ends with:')
            say(ending.tail)
            return
        numbers = self._numbers(run)
        done = sum(other.finished for other in self.runs)
        say(
            f'[{done}/{len(self.runs)}] {time.strftime("%H:%M")}  {run.name}: {numbers}  '
            f'in {clock(ending.seconds)}, about {clock(seconds_left(self.runs, self.jobs))} left'
        )
        if self.request.drop_checkpoints:
            for path in steps_in(run.work_dir).values():
                path.unlink()

    def _numbers(self, run: Run) -> str:
        """The metrics of a finished run in words; one that cannot be told stops nothing."""
        record, words = read_record(run.work_dir), []
        for name, metric in self.study.metrics.items():
            try:
                value = value_of(run, record, metric, self.study.split)
            except UserError as error:
                words.append(f'{name}: {error}')
                continue
            words += [] if value is None else [f'{name} {value:.2f}']
        return '  '.join(words)

    def tabulate(self) -> None:
        """Print the tables of what is finished and write them beside the runs."""
        write_tables(self.study, self.runs, self.out, self.request.baseline)


def ablate(
    request: Request,
    tools: Path,
    dry_run: bool = False,
    table: bool = False,
    slurm: bool = False,
) -> list[str]:
    """Do what the tool was asked for.

    Args:
        request: The study and how to run it.
        tools: Folder of the tools' scripts.
        dry_run: Only show the matrix and the cost.
        table: Only tabulate what is finished.
        slurm: Only write the array script.

    Returns:
        Names of the runs that failed.

    Raises:
        UserError: For a request or a study that cannot be run.
        Stopped: After SIGINT or SIGTERM; the same command goes on.
    """
    ablation = Ablation(request, tools)
    if dry_run:
        ablation.show()
        return []
    if slurm:
        script, command = ablation.write_slurm()
        say(f'sbatch {script}')
        if request.gpus is None and not ablation.gpus:
            say('The tasks take no GPU: this machine has none; --gpus 0 gives one to each.')
        say(f'and afterwards: {shlex.join(command)} --table')
        return []
    names = [] if table else [ending.run.name for ending in ablation.make()]
    if names:
        say(f'{len(names)} run(s) FAILED: {"; ".join(names)}. The same command tries them again.')
    if request.only is None:
        ablation.tabulate()
    return names
