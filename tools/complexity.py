"""Count parameters and multiply-adds of a config's model: `python tools/complexity.py CONFIG`."""

import sys

from icpc.cli.main import script

main = script('complexity')

if __name__ == '__main__':
    sys.exit(main())
