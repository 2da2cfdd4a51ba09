"""From image tags to a trained segmentor: `python tools/weakly.py PLAN`."""

import sys

from icpc.cli.main import script

main = script('weakly')

if __name__ == '__main__':
    sys.exit(main())
