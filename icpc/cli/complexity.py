"""`icpc complexity`: count parameters and multiply-adds of a config's model."""

import argparse

from .arguments import add_config, add_overrides, quiet

HELP = "count parameters and multiply-adds of a config's model"
DESCRIPTION = (
    'Parameters and multiply-adds for one picture, part by part. Weights are '
    'neither loaded nor needed.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser)
    parser.add_argument(
        '--size', type=int, nargs='+', default=[1024], help='side, or height and width, in pixels'
    )
    parser.add_argument(
        '--transposed',
        choices=('input', 'output'),
        default='input',
        help='count transposed convolutions over their input (right) or, as older fvcore and so '
        "DenseCLIP's table, over their output",
    )
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.complexity import print_complexity
        from ..commands.tool import run_tool

    return run_tool(
        lambda: print_complexity(args.config, args.cfg_options, args.size, args.transposed),
        args.debug,
    )
