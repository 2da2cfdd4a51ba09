"""Pre-train a tiny CLIP on procedural scenes and captions, and check what it knows."""

import sys

from icpc.cli.main import script

main = script('pretrain-clip')

if __name__ == '__main__':
    sys.exit(main())
