"""`icpc report`: one HTML file about a study or some runs."""

import argparse
from pathlib import Path

from .arguments import quiet

HELP = 'one HTML file about a study or some runs'
DESCRIPTION = 'Curves, tables, classes, confusion, pictures and configs in one HTML file.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument(
        'work_dirs', nargs='+', help="a study's folder (work_dirs/studies/NAME), or work dirs"
    )
    parser.add_argument('--out', metavar='FILE', help='default: report.html in the first folder')
    parser.add_argument(
        '--tables', metavar='DIR', help='its tables also as markdown, LaTeX and CSV, and printed'
    )
    parser.add_argument('--baseline', metavar='ROW', help="instead of the study's, or the first")


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..console.messages import say
        from ..experiments.report.page import write_report

    folders, out = [Path(folder) for folder in args.work_dirs], args.out and Path(args.out)
    given = folders, out, args.baseline, args.tables and Path(args.tables)
    return run_tool(lambda: say(f'report: {write_report(*given)}'), args.debug)
