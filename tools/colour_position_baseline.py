"""Fit the colour x position lookup table, choose it on validation, print its mIoU on a split."""

import sys

from icpc.cli.main import script

main = script('colour-position-baseline')

if __name__ == '__main__':
    sys.exit(main())
