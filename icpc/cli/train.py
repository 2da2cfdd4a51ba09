"""`icpc train`: train a model, then evaluate it once on the test split."""

import argparse

from .arguments import add_config, add_overrides, add_ranks, quiet

HELP = 'train a model, then evaluate it once on the test split'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser)
    parser.add_argument('--work-dir', help='where to write (default: work_dirs/<config name>)')
    parser.add_argument(
        '--resume', action='store_true', help="continue from the work dir's last checkpoint"
    )
    parser.add_argument(
        '--rehearse',
        action='store_true',
        help='before a run of days: do all of it in short, print what it takes, keep nothing',
    )
    parser.add_argument(
        '--amp',
        nargs='?',
        const='bf16',
        choices=('bf16', 'fp16'),
        help='autocast (bf16 when nothing follows)',
    )
    parser.add_argument('--seed', type=int, help="instead of the config's")
    add_overrides(parser)
    add_ranks(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse arguments that exclude each other."""
    if args.rehearse and args.resume:
        parser.error('--rehearse rehearses a run from its beginning: leave --resume out')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.rehearse import rehearse
        from ..commands.tool import run_tool
        from ..commands.train import train

    common = dict(
        config=args.config,
        options=args.cfg_options,
        work_dir=args.work_dir,
        amp=args.amp,
        launcher=args.launcher,
        seed=args.seed,
        rank_timeout=args.rank_timeout,
    )
    if args.rehearse:
        return run_tool(lambda: rehearse(**common), args.debug)
    return run_tool(lambda: train(**common, resume=args.resume), args.debug)
