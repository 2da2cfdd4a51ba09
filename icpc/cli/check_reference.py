"""`icpc check-reference`: compare ours with recorded values of published models."""

import argparse
from functools import partial
from pathlib import Path

from .arguments import quiet

HELP = 'compare ours with recorded values of published models'
DESCRIPTION = (
    'Rebuild a DenseCLIP model from the weights in FILE and print the max abs '
    'error of every recorded tensor; exit 0 below 2e-5. Attention heads and taps do not show '
    'in the shapes of weights: those not given are looked for, the published values first. For '
    'a FOLDER with values of training-free or weakly supervised segmentation print the relative '
    'errors instead; exit 0 below 2e-5 or, weakly supervised, 5e-5 with all choices and labels '
    'equal.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument(
        'file', help='recorded weights, inputs and outputs (.npz)', metavar='FILE|FOLDER'
    )
    parser.add_argument('--image-heads', type=int, help='of the image tower or attention pool')
    parser.add_argument('--text-heads', type=int, help='of the text transformer')
    parser.add_argument('--decoder-heads', type=int, help='of the context decoder')
    parser.add_argument('--taps', type=int, nargs=4, help='blocks of a vision transformer')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..references import training_free, weak_supervision
        from ..references.published_values import TOLERANCE, report

    names = ('image_heads', 'text_heads', 'decoder_heads', 'taps')
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    errors = []

    def compare() -> None:
        kind, below = partial(report, known=given), TOLERANCE
        if Path(args.file).is_dir():
            kind = training_free.report
            if weak_supervision.holds(args.file):
                kind, below = weak_supervision.report, weak_supervision.TOLERANCE
        errors.append(kind(args.file) / below)

    code = run_tool(compare, args.debug)
    return code or int(not errors[0] < 1)
