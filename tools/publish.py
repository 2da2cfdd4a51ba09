"""A checkpoint as safetensors with a model card: `python tools/publish.py WORK_DIR --out DIR`."""

import sys

from icpc.cli.main import script

main = script('publish')

if __name__ == '__main__':
    sys.exit(main())
