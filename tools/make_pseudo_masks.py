"""Pseudo masks: `python tools/make_pseudo_masks.py WORK_DIR --out DIR`."""

import sys

from icpc.cli.main import script

main = script('make-pseudo-masks')

if __name__ == '__main__':
    sys.exit(main())
