"""Run a study and tabulate it: `python tools/ablate.py STUDY.py`."""

import argparse
import sys
from pathlib import Path

from arguments import new_parser, quiet

TOOLS = Path(__file__).resolve().parent


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser('Make the runs of a study that are missing, then its tables.')
    parser.add_argument('study', help='such as configs/studies/prompts_scenes.py')
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
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.tool import run_tool
        from icpc.experiments.ablate import Request, ablate

    how = {key: getattr(args, key) for key in ('dry_run', 'table', 'slurm')}
    asked = {key: value for key, value in vars(args).items() if key not in (*how, 'debug')}
    if args.gpus is not None:
        asked['gpus'] = [gpu for gpu in args.gpus.split(',') if gpu]
    failed: list[str] = []
    code = run_tool(lambda: failed.extend(ablate(Request(**asked), TOOLS, **how)), args.debug)
    return code or int(bool(failed))


if __name__ == '__main__':
    sys.exit(main())
