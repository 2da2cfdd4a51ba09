"""Compare our model with recorded values of the published one: `check_reference.py FILE.npz`."""

import sys

from icpc.cli.main import script

main = script('check-reference')

if __name__ == '__main__':
    sys.exit(main())
