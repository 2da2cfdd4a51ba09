"""Make a run again and say whether it is the same: `python tools/reproduce.py WORK_DIR`."""

import sys

from icpc.cli.main import script

main = script('reproduce')

if __name__ == '__main__':
    sys.exit(main())
