"""`icpc ablate`: make the runs of a study that are missing, then its tables."""

import argparse

from ..startup.program import tools_folder
from .arguments import quiet

HELP = 'make the runs of a study that are missing, then its tables'
DESCRIPTION = 'Make the runs of a study that are missing, then its tables.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument(
        'study', help='a study file, or a packaged one, such as studies/prompts_scenes'
    )
    parser.add_argument('--out', metavar='DIR', help='default: work_dirs/studies/<study name>')
    parser.add_argument('--jobs', type=int, help='runs at a time (default: 1, or one on each GPU)')
    parser.add_argument('--gpus', help='such as 0,1 (default: all there are); "" for the CPU')
    parser.add_argument('--threads', type=int, default=1, help='of each run on the CPU')
    parser.add_argument('--dry-run', action='store_true', help='show the matrix and the cost')
    parser.add_argument('--table', action='store_true', help='only tabulate what is finished')
    parser.add_argument('--baseline', metavar='ROW', help="instead of the study's")
    parser.add_argument('--slurm', action='store_true', help='write an array script for sbatch')
    parser.add_argument('--only', type=int, metavar='N', help='make the N-th run alone, from 0')
    parser.add_argument(
        '--any-code', action='store_true', help='take finished runs that other code made'
    )
    parser.add_argument(
        '--drop-checkpoints', action='store_true', help="delete a finished run's checkpoints"
    )


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..experiments.ablate import Request, ablate

    how = {key: getattr(args, key) for key in ('dry_run', 'table', 'slurm')}
    asked = {key: value for key, value in vars(args).items() if key not in (*how, 'debug')}
    if args.gpus is not None:
        asked['gpus'] = [gpu for gpu in args.gpus.split(',') if gpu]
    failed: list[str] = []
    code = run_tool(
        lambda: failed.extend(ablate(Request(**asked), tools_folder(), **how)), args.debug
    )
    return code or int(bool(failed))
