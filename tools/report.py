"""One HTML file about a study or some runs: `python tools/report.py WORK_DIR...`."""

import sys

from icpc.cli.main import script

main = script('report')

if __name__ == '__main__':
    sys.exit(main())
