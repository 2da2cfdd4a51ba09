"""Say what is wrong with the data of a config: `python tools/verify_data.py CONFIG`."""

import sys

from icpc.cli.main import script

main = script('verify-data')

if __name__ == '__main__':
    sys.exit(main())
