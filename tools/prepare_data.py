"""Prepare a dataset on disk: one sub-command for each dataset."""

import sys

from icpc.cli.main import script

main = script('prepare-data')

if __name__ == '__main__':
    sys.exit(main())
