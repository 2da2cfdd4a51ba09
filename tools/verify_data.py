"""Say what is wrong with the data of a config: `python tools/verify_data.py CONFIG`."""

import argparse
import sys

from arguments import add_overrides, new_parser, quiet


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(
        'Check pictures and masks of a config: table, one picture a split, exit code.'
    )
    parser.add_argument('config', help='such as configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py')
    parser.add_argument(
        '--sample', type=int, help='files decoded in each split, for a quick look (all)'
    )
    parser.add_argument('--out', help='folder of the pictures (work_dirs/<config name>_data)')
    parser.add_argument('--workers', type=int, help='threads')
    add_overrides(parser)
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.tool import run_tool
        from icpc.commands.verify_data import verify

    return run_tool(
        lambda: verify(args.config, args.cfg_options, args.out, args.sample, args.workers),
        args.debug,
    )


if __name__ == '__main__':
    sys.exit(main())
