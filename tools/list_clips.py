"""Try one architecture of each open_clip family: `python tools/list_clips.py [--out FILE]`."""

import argparse
import sys
from pathlib import Path

_HEADER = """# CLIP models of open_clip

One architecture of each family, with random weights: built, one training step, one prediction at
another size. Written by `python tools/list_clips.py --out docs/clip_families.md`; nothing is
downloaded. *Image tower alone* is a model with learned class vectors in the place of text
(`ClassVectorPrompter`).

"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Which CLIP models work here, and why not.')
    parser.add_argument('--out', help='write the table there instead of printing it (some minutes)')
    parser.add_argument('--debug', action='store_true', help='show tracebacks and warnings')
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    from icpc.commands.tool import run_tool
    from icpc.errors import UserError
    from icpc.references.clip_families import table

    def work() -> None:
        if args.out and not Path(args.out).absolute().parent.is_dir():
            raise UserError(f'--out {args.out}: there is no such folder to write it into')
        text = _HEADER + table() + '\n'
        if args.out:
            Path(args.out).write_text(text)
        else:
            print(text, end='')

    return run_tool(work, args.debug)


if __name__ == '__main__':
    sys.exit(main())
