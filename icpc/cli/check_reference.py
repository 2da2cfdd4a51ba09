"""`icpc check-reference`: compare our model with recorded values of the published one."""

import argparse

from .arguments import quiet

HELP = 'compare our model with recorded values of the published one'
DESCRIPTION = (
    'Rebuild a DenseCLIP model from the weights in FILE and print the max abs '
    'error of every recorded tensor; exit 0 below 2e-5. Attention heads and taps do not show '
    'in the shapes of weights: those not given are looked for, the published values first.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('file', help='recorded weights, inputs and outputs (.npz)')
    parser.add_argument('--image-heads', type=int, help='of the image tower or attention pool')
    parser.add_argument('--text-heads', type=int, help='of the text transformer')
    parser.add_argument('--decoder-heads', type=int, help='of the context decoder')
    parser.add_argument('--taps', type=int, nargs=4, help='blocks of a vision transformer')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..references.published_values import TOLERANCE, report

    names = ('image_heads', 'text_heads', 'decoder_heads', 'taps')
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    errors = []
    code = run_tool(lambda: errors.append(report(args.file, given)), args.debug)
    return code or int(not errors[0] < TOLERANCE)
