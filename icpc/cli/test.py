"""`icpc test`: evaluate a checkpoint: per-class table and mIoU."""

import argparse

from .arguments import add_config, add_overrides, add_ranks, quiet

HELP = 'evaluate a checkpoint: per-class table and mIoU'
DESCRIPTION = 'Evaluate a checkpoint: per-class table and mIoU.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser, 'the config it was trained with')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='such as work_dirs/demo/iter_1000.pth; none for a config of configs/zero_shot',
    )
    parser.add_argument('--tta', action='store_true', help='average over scales and flips')
    parser.add_argument('--split', choices=('test', 'val'), default='test', help='(default: test)')
    parser.add_argument('--out', metavar='DIR', help='save the predicted masks there')
    parser.add_argument(
        '--show-dir', metavar='DIR', help='save the predictions drawn over the pictures there'
    )
    parser.add_argument('--work-dir', help='where logs go (default: work_dirs/<config name>_test)')
    add_overrides(parser)
    add_ranks(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.evaluate import evaluate
        from ..commands.tool import run_tool

    return run_tool(
        lambda: evaluate(
            args.config,
            args.checkpoint,
            args.cfg_options,
            args.work_dir,
            split=args.split,
            tta=args.tta,
            out=args.out,
            show_dir=args.show_dir,
            launcher=args.launcher,
            rank_timeout=args.rank_timeout,
        ),
        args.debug,
    )
