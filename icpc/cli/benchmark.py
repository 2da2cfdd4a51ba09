"""`icpc benchmark`: how long a prediction takes, and in how much memory."""

import argparse
import re

from .arguments import add_overrides, quiet

HELP = 'how long a prediction takes, and in how much memory'
DESCRIPTION = (
    "Time a model's predictions of random pictures: median and 90th percentile, pictures a second, "
    'peak memory. Weights of a config are neither loaded nor needed.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    text = 'a config, the name of a packaged one, or a model as for icpc predict'
    parser.add_argument('model', help=text)
    parser.add_argument(
        '--size',
        type=_size,
        default=(512, 512),
        metavar='H,W',
        help='of the pictures, or one number for both (default: 512,512)',
    )
    parser.add_argument('--batch', type=int, default=1, help='pictures at a time (default: 1)')
    parser.add_argument(
        '--precision',
        nargs='+',
        choices=('float32', 'bf16'),
        default=['float32'],
        help='(default: float32)',
    )
    parser.add_argument('--device', help='cpu, cuda or cuda:1 (default: a GPU where there is one)')
    parser.add_argument('--runs', type=int, default=20, help='that are timed (default: 20)')
    add_overrides(parser)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r'(\d+)(?:[,x](\d+))?', text)
    if found is None:
        raise argparse.ArgumentTypeError(f'expected H,W such as 512,683, got {text!r}')
    height, width = found.groups()
    return int(height), int(width or height)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.look.benchmark import benchmark, described, print_benchmark
        from ..commands.tool import run_tool

    def work() -> None:
        how = (args.size, args.batch, args.precision, args.device, args.runs)
        found = benchmark(args.model, args.cfg_options, *how)
        height, width = args.size
        what = f'{args.batch} x {height} x {width} on {described(args.device)}'
        print_benchmark(args.model, found, what)

    return run_tool(work, args.debug)
