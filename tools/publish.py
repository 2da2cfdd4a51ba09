"""A checkpoint as safetensors with a model card: `python tools/publish.py WORK_DIR --out DIR`."""

import argparse
import sys
from pathlib import Path

from arguments import new_parser, quiet


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser('Write model.safetensors, config.py and a model card into a folder.')
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
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.tool import run_tool
        from icpc.console.messages import say
        from icpc.experiments.publish import publish

    source, out = Path(args.checkpoint), Path(args.out)
    return run_tool(
        lambda: say(publish(source, out, args.name, args.license, args.small)), args.debug
    )


if __name__ == '__main__':
    sys.exit(main())
