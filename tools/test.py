"""Evaluate a checkpoint: `python tools/test.py CONFIG CHECKPOINT`."""

import sys

from icpc.cli.main import script

main = script('test')

if __name__ == '__main__':
    sys.exit(main())
