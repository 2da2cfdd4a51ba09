"""`icpc verify-data`: say what is wrong with the data of a config."""

import argparse

from .arguments import add_config, add_overrides, quiet

HELP = 'say what is wrong with the data of a config'
DESCRIPTION = 'Check pictures and masks of a config: table, one picture a split, exit code.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser)
    parser.add_argument(
        '--sample', type=int, help='files decoded in each split, for a quick look (all)'
    )
    parser.add_argument('--out', help='folder of the pictures (work_dirs/<config name>_data)')
    parser.add_argument('--workers', type=int, help='threads')
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..commands.verify_data import verify

    return run_tool(
        lambda: verify(args.config, args.cfg_options, args.out, args.sample, args.workers),
        args.debug,
    )
