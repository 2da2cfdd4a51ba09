"""`icpc import-denseclip`: turn a published DenseCLIP checkpoint into ours."""

import argparse

from ..startup.program import typed
from .arguments import add_config, add_overrides, quiet

HELP = 'turn a published DenseCLIP checkpoint into ours'
DESCRIPTION = (
    "Load a published DenseCLIP checkpoint into a config's model, strictly, save "
    'it under our names, and print the overrides to test it with.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(parser, 'one of denseclip/')
    parser.add_argument('file', help="DenseCLIP's .pth")
    parser.add_argument('out', help='where our checkpoint goes')
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..references.denseclip_import import import_checkpoint

    def work() -> None:
        needed = import_checkpoint(args.config, args.file, args.out, args.cfg_options)
        words = (args.config, args.out, '--cfg-options', *needed)
        print(f'{args.out} written; evaluate it with\n  {typed("test", *words)}')

    return run_tool(work, args.debug)
