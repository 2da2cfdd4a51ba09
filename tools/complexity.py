"""Count parameters and multiply-adds of a config's model: `python tools/complexity.py CONFIG`."""

import argparse
import sys

from arguments import add_overrides, new_parser, quiet


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(
        'Parameters and multiply-adds for one picture, part by part. Weights are '
        'neither loaded nor needed.'
    )
    parser.add_argument('config', help='a config, such as configs/icpc/icpc_rn50_...py')
    parser.add_argument(
        '--size', type=int, nargs='+', default=[1024], help='side, or height and width, in pixels'
    )
    parser.add_argument(
        '--transposed',
        choices=('input', 'output'),
        default='input',
        help='count transposed convolutions over their input (right) or, as older fvcore and so '
        "DenseCLIP's table, over their output",
    )
    add_overrides(parser)
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.complexity import print_complexity
        from icpc.commands.tool import run_tool

    return run_tool(
        lambda: print_complexity(args.config, args.cfg_options, args.size, args.transposed),
        args.debug,
    )


if __name__ == '__main__':
    sys.exit(main())
