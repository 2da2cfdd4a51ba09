"""Turn a published DenseCLIP checkpoint into ours: `import_denseclip.py CONFIG FILE OUT`."""

import argparse
import sys

from arguments import add_overrides, new_parser, quiet


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(
        "Load a published DenseCLIP checkpoint into a config's model, strictly, save "
        'it under our names, and print the overrides to test it with.'
    )
    parser.add_argument('config', help='one of configs/denseclip')
    parser.add_argument('file', help="DenseCLIP's .pth")
    parser.add_argument('out', help='where our checkpoint goes')
    add_overrides(parser)
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.tool import run_tool
        from icpc.references.denseclip_import import import_checkpoint

    def work() -> None:
        needed = import_checkpoint(args.config, args.file, args.out, args.cfg_options)
        print(
            f'{args.out} written; evaluate it with\n'
            f'  python tools/test.py {args.config} {args.out} --cfg-options {" ".join(needed)}'
        )

    return run_tool(work, args.debug)


if __name__ == '__main__':
    sys.exit(main())
