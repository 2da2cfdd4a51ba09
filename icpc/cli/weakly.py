"""`icpc weakly`: from image tags to a trained segmentor, all stages of a plan."""

import argparse

from .arguments import add_config, add_overrides, add_ranks, quiet

HELP = 'from image tags to a trained segmentor: all stages of a plan'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser, 'a plan')
    parser.add_argument('--out', metavar='DIR', help='default: work_dirs/weakly/<plan name>')
    parser.add_argument(
        '--share',
        action='store_true',
        help='take stages that a folder beside DIR has finished, made of the same, from there',
    )
    parser.add_argument('--workers', type=int, help='processes that make seeds and pseudo masks')
    add_overrides(parser)
    add_ranks(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse numbers that are none."""
    if args.workers is not None and args.workers < 1:
        parser.error('--workers must be at least 1')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..commands.train import train
        from ..weakly.pipeline import weakly

    how = dict(workers=args.workers, launcher=args.launcher, rank_timeout=args.rank_timeout)
    how |= dict(share=args.share)
    return run_tool(
        lambda: weakly(args.config, train, args.out, args.cfg_options, **how), args.debug
    )
