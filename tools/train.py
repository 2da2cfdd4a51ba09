"""Train a model: `python tools/train.py CONFIG`."""

import argparse
import sys


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Train, then evaluate once on the test split.')
    parser.add_argument(
        'config', help='a config, such as configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py'
    )
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
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='overrides, such as max_iters=1000',
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
    args = parser.parse_args()
    if args.rehearse and args.resume:
        parser.error('--rehearse rehearses a run from its beginning: leave --resume out')
    return args


def main() -> int:
    """Run the tool."""
    args = parse_args()
    from icpc.commands.rehearse import rehearse
    from icpc.commands.tool import run_tool
    from icpc.commands.train import train

    if args.rehearse:
        return run_tool(
            lambda: rehearse(
                args.config,
                args.cfg_options,
                args.work_dir,
                amp=args.amp,
                launcher=args.launcher,
                seed=args.seed,
                rank_timeout=args.rank_timeout,
            ),
            args.debug,
        )
    return run_tool(
        lambda: train(
            args.config,
            args.cfg_options,
            args.work_dir,
            resume=args.resume,
            amp=args.amp,
            launcher=args.launcher,
            rank_timeout=args.rank_timeout,
            seed=args.seed,
        ),
        args.debug,
    )


if __name__ == '__main__':
    sys.exit(main())
