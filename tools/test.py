"""Evaluate a checkpoint: `python tools/test.py CONFIG CHECKPOINT`."""

import argparse
import sys


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Evaluate a checkpoint: per-class table and mIoU.')
    parser.add_argument('config', help='the config it was trained with')
    parser.add_argument('checkpoint', help='such as work_dirs/demo/iter_1000.pth')
    parser.add_argument('--tta', action='store_true', help='average over scales and flips')
    parser.add_argument('--split', choices=('test', 'val'), default='test', help='(default: test)')
    parser.add_argument('--out', metavar='DIR', help='save the predicted masks there')
    parser.add_argument(
        '--show-dir', metavar='DIR', help='save the predictions drawn over the pictures there'
    )
    parser.add_argument('--work-dir', help='where logs go (default: work_dirs/<config name>_test)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='overrides',
    )
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch', 'slurm'),
        default='none',
        help='what started the ranks: pytorch for torchrun, slurm for srun (default: one process)',
    )
    parser.add_argument(
        '--rank-timeout',
        type=float,
        default=30,
        metavar='MINUTES',
        help='of several ranks, one that stands still for so long ends with a message (30)',
    )
    parser.add_argument('--debug', action='store_true', help='show tracebacks and warnings')
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
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
