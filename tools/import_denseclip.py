"""Turn a published DenseCLIP checkpoint into ours: `import_denseclip.py CONFIG FILE OUT`."""

import sys

from icpc.cli.main import script

main = script('import-denseclip')

if __name__ == '__main__':
    sys.exit(main())
