"""`icpc reproduce`: make a run again, and say whether it is the same."""

import argparse
from pathlib import Path

from ..startup.program import tools_folder
from .arguments import quiet

HELP = 'make a run again, and say whether it is the same'
DESCRIPTION = 'Make a run again: equal, within the seed band, or different, and what differs.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('run', help='work dir of a finished run')
    parser.add_argument('--out', metavar='DIR', help='of the repetition (default: <run>-again)')


def run(args: argparse.Namespace) -> int:
    """Do it; exit code 1 when the result is different."""
    with quiet():
        from ..commands.tool import run_tool
        from ..experiments.reproduce.verdict_report import reproduce

    same: list[bool] = []
    out = Path(args.out) if args.out else None
    code = run_tool(
        lambda: same.append(reproduce(Path(args.run), out, tools_folder() / 'train.py')), args.debug
    )
    return code or int(not all(same))
