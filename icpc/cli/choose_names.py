"""`icpc choose-names`: POLE's choice of a name for each picture and class, once."""

import argparse

from .arguments import add_config, add_overrides, quiet

HELP = 'the name of each class in each picture that CLIP finds nearest, for POLE'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser, 'a config of stage 2, such as pole/pole_rn50_voc-512')
    parser.add_argument('work_dir', help='of the finished stage 1')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of choices.json')
    parser.add_argument(
        '--published',
        action='store_true',
        help="with the slips of POLE's code: blue for red, and values that overflow",
    )
    parser.add_argument('--pictures', type=int, default=6, help='rows of names.png (6)')
    add_overrides(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse numbers that are none."""
    if args.pictures < 1:
        parser.error('--pictures must be at least 1')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..weakly.names.name_stage import choose_names

    return run_tool(
        lambda: choose_names(
            args.config, args.work_dir, args.out, args.cfg_options, args.published, args.pictures
        ),
        args.debug,
    )
