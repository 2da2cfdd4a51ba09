"""Train a model: `python tools/train.py CONFIG`."""

import sys

from icpc.cli.main import script

main = script('train')

if __name__ == '__main__':
    sys.exit(main())
