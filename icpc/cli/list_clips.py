"""`icpc list-clips`: which CLIP models work here, and why not."""

import argparse
from pathlib import Path

from .arguments import quiet

HELP = 'which CLIP models work here, and why not'
DESCRIPTION = 'Try one architecture of each open_clip family: which CLIP models work, and why not.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('--out', help='write the table there instead of printing it (some minutes)')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.clip_families import page
        from ..commands.tool import run_tool
        from ..errors import UserError

    def work() -> None:
        if args.out and not Path(args.out).absolute().parent.is_dir():
            raise UserError(f'--out {args.out}: there is no such folder to write it into')
        text = page()
        if args.out:
            Path(args.out).write_text(text)
        else:
            print(text, end='')

    return run_tool(work, args.debug)
