"""`icpc publish`: a checkpoint as safetensors, with its config and a model card."""

import argparse
from pathlib import Path

from .arguments import quiet

HELP = 'a checkpoint as safetensors, with its config and a model card'
DESCRIPTION = (
    'Write model.safetensors, config.py and a model card into a folder, which the Hub takes as it '
    'is, and push it there if asked.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('checkpoint', help='a checkpoint, or a work dir for its last one')
    parser.add_argument('--out', required=True, metavar='DIR', help='a new folder')
    parser.add_argument('--name', help="of the model (default: the folder's)")
    parser.add_argument(
        '--license', default='other', help="of the weights, such as mit (default: 'other')"
    )
    parser.add_argument(
        '--small',
        action='store_true',
        help="half the numbers' length (float16), without a text tower that icpc has anyway",
    )
    parser.add_argument(
        '--push',
        metavar='ORG/NAME',
        help='upload the folder to the Hub, too; the token is that of HF_TOKEN or `hf auth login`',
    )
    parser.add_argument('--private', action='store_true', help='with --push: hide a new model')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..console.messages import say
        from ..experiments.publish import publish

    source, out = Path(args.checkpoint), Path(args.out)
    return run_tool(
        lambda: say(
            publish(source, out, args.name, args.license, args.small, args.push, args.private)
        ),
        args.debug,
    )
