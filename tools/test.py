"""Evaluate a checkpoint: `python tools/test.py CONFIG CHECKPOINT`."""

import argparse
import sys

from arguments import add_overrides, add_ranks, new_parser, quiet


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser('Evaluate a checkpoint: per-class table and mIoU.')
    parser.add_argument('config', help='the config it was trained with')
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
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.evaluate import evaluate
        from icpc.commands.tool import run_tool

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


if __name__ == '__main__':
    sys.exit(main())
