"""POLE's choice of names: `python tools/choose_names.py CONFIG WORK_DIR --out DIR`."""

import sys

from icpc.cli.main import script

main = script('choose-names')

if __name__ == '__main__':
    sys.exit(main())
