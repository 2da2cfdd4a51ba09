"""`python -m icpc.cli COMMAND ...`, for launchers that start modules."""

import sys

from icpc.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
