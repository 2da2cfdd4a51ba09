"""`tools/ablate.py`: make a study's runs and its tables."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from ..checkpoints.content import steps_in
from ..console.messages import say
from ..console.numbers import clock
from ..errors import UserError
from ..files import write_text_atomically
from ..run_dir.fingerprints import code_fingerprint, with_user_code
from .execution.jobs import OUTPUT, Job, execute
from .execution.request import Request, visible_gpus
from .execution.slurm import array_script, task_command
from .execution.snapshot import Snapshot, take_snapshot
from .execution.workers import Workers
from .study.inputs import missing_inputs
from .study.runs import PlannedRun, expand, finished_records
from .study.schema import load_study
from .study.study_files import copy_study, write_index
from .study.wanted_metrics import check_metrics, value_of
from .tables.costs import read_costs
from .tables.table_files import write_tables


class Ablation:
    """A study, its runs, and where they are.

    Args:
        request: What the command line asks for.
        tools: The folder of the tools' scripts.

    Raises:
        UserError: For a request or a study that is not consistent, a metric that no run can give,
            or a run whose config cannot be resolved.
    """

    def __init__(self, request: Request, tools: Path) -> None:
        request.check()
        self.request, self.tools = request, tools
        self.study = load_study(request.study)
        self.compared = self.study.with_baseline(request.baseline)
        self.out = Path(request.out or Path('work_dirs/studies') / self.study.name)
        code = code_fingerprint()
        self.runs = expand(self.study, self.out, code, request.any_code)
        check_metrics(self.study, [run.config for run in self.runs])
        if request.only is not None and not 0 <= request.only < len(self.runs):
            raise UserError(f'--only {request.only}: the runs are 0 to {len(self.runs) - 1}')
        self.modules = sorted({name for run in self.runs for name in run.modules})
        self.all_code = with_user_code(code, self.modules)
        self.gpus = visible_gpus() if request.gpus is None else request.gpus
        self.jobs = max(1, len(self.gpus)) if request.jobs is None else request.jobs

    def show(self) -> None:
        """Print the matrix and what is left to pay."""
        costs = read_costs(self.runs, self.jobs)
        say(costs.table(self.study.name))
        say(str(costs))
        for fault in missing_inputs(run.config for run in costs.missing):
            say(f'MISSING, without it the runs are refused: {fault}')

    def _refuse_missing(self, runs: Sequence[PlannedRun]) -> None:
        done = finished_records(runs)
        faults = missing_inputs(run.config for run in runs if run not in done)
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
        study = copy_study(self.study, snapshot.folder, snapshot.config)
        command = task_command(self.request, study, self.out, snapshot)
        gpu, count = bool(self.gpus), len(self.runs)
        script = array_script(self.study.name, count, self.request, gpu, logs, command)
        write_text_atomically(script, path)
        return path, command

    def make(self) -> list[Job]:
        """Make what is missing; returns what failed.

        Raises:
            UserError: When data or a CLIP that the runs need is missing.
            Stopped: When it was told to stop; the same command goes on.
        """
        runs, only = self.runs, self.request.only
        runs = runs if only is None else runs[only : only + 1]
        self._refuse_missing(runs)
        write_index(self.study, self.runs, self.out)
        say(str(read_costs(self.runs, self.jobs)))
        threads = None if self.gpus else self.request.threads
        return execute(runs, Workers(self._freeze(), self.jobs, self.gpus, threads), self._tell)

    def _freeze(self) -> Snapshot:
        snapshot = take_snapshot(self.study.base, self.tools, self.out, self.modules)
        code = with_user_code(code_fingerprint(snapshot.folder / 'icpc'), self.modules)
        if code != self.all_code:
            raise UserError('the code changed while it was read; start again')
        return snapshot

    def _tell(self, job: Job) -> None:
        run = job.run
        if job.failed:
            code, output = job.process.returncode, run.work_dir / OUTPUT
            say(f'FAILED {run.name}, exit code {code}, {output} ends with:')
            say(job.tail)
            return
        costs = read_costs(self.runs, self.jobs)
        say(
            f'[{len(costs.known)}/{len(self.runs)}] {time.strftime("%H:%M")}  {run.name}: '
            f'{self._numbers(run)}  in {clock(time.time() - job.began)}, '
            f'about {clock(costs.seconds_left)} left'
        )
        if self.request.drop_checkpoints:
            for path in steps_in(run.work_dir).values():
                path.unlink()

    def _numbers(self, run: PlannedRun) -> str:
        """The metrics of a finished run in words; one that cannot be told stops nothing."""
        record, words = finished_records([run])[run], []
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
        write_tables(self.compared, self.runs, self.out)


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
        tools: The folder of the tools' scripts.
        dry_run: Only show the matrix and the cost.
        table: Only tabulate what is finished.
        slurm: Only write the array script.

    Returns:
        The names of the runs that failed.

    Raises:
        UserError: For a request or a study that cannot be run.
        Stopped: After SIGINT, SIGTERM or SIGHUP; the same command goes on.
    """
    ablation = Ablation(request, tools)
    if not slurm and not table:
        request.check_gpus()
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
    names = [] if table else [job.run.name for job in ablation.make()]
    if names:
        say(f'{len(names)} run(s) FAILED: {"; ".join(names)}. The same command tries them again.')
    if request.only is None:
        ablation.tabulate()
    return names
