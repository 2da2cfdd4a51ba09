"""`icpc print-config`: the finished config, and where each of its values comes from."""

import argparse

from .arguments import add_config, add_overrides, quiet

HELP = 'the finished config, and where each of its values comes from'
DESCRIPTION = (
    'Print each value of a config as a run would use it, with its origin behind #: the line of a '
    'file, an override, or a ${...} and where that stands. What follows from other values is '
    '"computed"; what was made fit for this machine, or for other values, is "adapted".'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser)
    parser.add_argument('overrides', nargs='*', metavar='KEY=VALUE', help='as --cfg-options')
    parser.add_argument('--only', metavar='KEY', help='this value alone, with all below it')
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.look.print_config import config_lines
        from ..commands.tool import run_tool

    options = [*args.overrides, *args.cfg_options]
    return run_tool(
        lambda: print('\n'.join(config_lines(args.config, options, args.only))), args.debug
    )
