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
        from ..experiments.report.collection import collect
        from ..experiments.report.page import write_report
        from ..experiments.tables.table_files import write_tables

    folders, out = [Path(folder) for folder in args.work_dirs], args.out and Path(args.out)

    def work() -> None:
        page = write_report(folders, out, args.baseline)
        if args.tables:
            found = collect(folders, args.baseline)
            write_tables(found.study, found.runs, Path(args.tables))
        say(f'report: {page}')

    return run_tool(work, args.debug)
