"""Train a model: `python tools/train.py CONFIG`."""

import argparse
import sys

from arguments import add_overrides, add_ranks, new_parser, quiet


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser('Train, then evaluate once on the test split.')
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
    add_overrides(parser)
    add_ranks(parser)
    args = parser.parse_args()
    if args.rehearse and args.resume:
        parser.error('--rehearse rehearses a run from its beginning: leave --resume out')
    return args


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.rehearse import rehearse
        from icpc.commands.tool import run_tool
        from icpc.commands.train import train

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


if __name__ == '__main__':
    sys.exit(main())
