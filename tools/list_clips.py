"""Try one architecture of each open_clip family: `python tools/list_clips.py [--out FILE]`."""

import sys

from icpc.cli.main import script

main = script('list-clips')

if __name__ == '__main__':
    sys.exit(main())
