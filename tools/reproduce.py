"""Make a run again and say whether it is the same: `python tools/reproduce.py WORK_DIR`."""

import argparse
import sys
from pathlib import Path

from arguments import new_parser, quiet

TOOLS = Path(__file__).resolve().parent


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(
        'Make a run again: equal, within the seed band, or different, and what differs.'
    )
    parser.add_argument('run', help='work dir of a finished run')
    parser.add_argument('--out', metavar='DIR', help='of the repetition (default: <run>-again)')
    return parser.parse_args()


def main() -> int:
    """Run the tool; exit code 1 when the result is different."""
    args = parse_args()
    with quiet():
        from icpc.commands.tool import run_tool
        from icpc.experiments.reproduce.verdict_report import reproduce

    same: list[bool] = []
    out = Path(args.out) if args.out else None
    code = run_tool(
        lambda: same.append(reproduce(Path(args.run), out, TOOLS / 'train.py')), args.debug
    )
    return code or int(not all(same))


if __name__ == '__main__':
    sys.exit(main())
