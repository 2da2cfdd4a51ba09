"""`icpc browse`: the pictures that a run would see, augmented, with their labels."""

import argparse

from .arguments import add_config, add_overrides, quiet

HELP = 'write the pictures that a run sees, augmented, with their labels'
DESCRIPTION = (
    'Write augmented training pictures with their labels drawn over them: those of the run itself, '
    'step by step, since order, crops and colours follow from its seed.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser)
    parser.add_argument('--number', type=int, default=16, help='of pictures (default: 16)')
    parser.add_argument('--step', type=int, default=0, help='the first step shown (default: 0)')
    parser.add_argument(
        '--split', choices=('train', 'val', 'test'), default='train', help='(default: train)'
    )
    parser.add_argument('--out', metavar='DIR', help='default: work_dirs/<config name>_browse')
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.look.browse import browse
        from ..commands.tool import run_tool
        from ..console.messages import say

    def work() -> None:
        options = (args.number, args.out, args.split, args.step)
        say(f'pictures: {browse(args.config, args.cfg_options, *options)}/')

    return run_tool(work, args.debug)
