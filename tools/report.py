"""One HTML file about a study or some runs: `python tools/report.py WORK_DIR...`."""

import argparse
import sys
from pathlib import Path

from arguments import new_parser, quiet


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(
        'Curves, tables, classes, confusion, pictures and configs in one HTML file.'
    )
    parser.add_argument(
        'work_dirs', nargs='+', help="a study's folder (work_dirs/studies/NAME), or work dirs"
    )
    parser.add_argument('--out', metavar='FILE', help='default: report.html in the first folder')
    parser.add_argument('--baseline', metavar='ROW', help="instead of the study's, or the first")
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.tool import run_tool
        from icpc.console.messages import say
        from icpc.experiments.report.page import write_report

    folders, out = [Path(folder) for folder in args.work_dirs], args.out and Path(args.out)
    return run_tool(lambda: say(f'report: {write_report(folders, out, args.baseline)}'), args.debug)


if __name__ == '__main__':
    sys.exit(main())
