"""Run a study and tabulate it: `python tools/ablate.py STUDY.py`."""

import sys

from icpc.cli.main import script

main = script('ablate')

if __name__ == '__main__':
    sys.exit(main())
