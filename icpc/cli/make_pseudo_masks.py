"""`icpc make-pseudo-masks`: from the class activation maps of a run to pseudo masks."""

import argparse

from .arguments import quiet

HELP = "from a run's class activation maps to pseudo masks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('work_dir', help='of a finished run of a classifier of tags')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of masks/ and maps/')
    parser.add_argument(
        '--refine', default='none', help='none (default), pamr, crf, irn or affinity'
    )
    parser.add_argument(
        '--refine-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='such as iterations=20 for pamr; network=WORK_DIR, of a boundary network, for irn',
    )
    parser.add_argument(
        '--uncertain',
        type=float,
        default=0.0,
        metavar='X',
        help='ignore pixels whose largest map is nearer than this to the threshold (0)',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        metavar='X',
        help="of the background where no picture has a mask (default: the classifier's)",
    )
    parser.add_argument('--workers', type=int, help='processes (default: one a core)')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse numbers that are none."""
    if args.workers is not None and args.workers < 1:
        parser.error('--workers must be at least 1')
    for name in ('uncertain', 'threshold'):
        value = getattr(args, name)
        if value is not None and not 0 <= value < 1:
            parser.error(f'--{name} must lie in 0..1')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..config.overrides import parse_overrides
        from ..weakly.pseudo_masks import make_pseudo_masks

    def work() -> None:
        options = parse_overrides(args.refine_options)
        make_pseudo_masks(
            args.work_dir,
            args.out,
            args.refine,
            options,
            args.uncertain,
            args.workers,
            args.threshold,
        )

    return run_tool(work, args.debug)
