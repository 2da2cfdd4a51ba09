"""What the tools' command lines have in common. Nothing of icpc is imported, so --help is quick."""

import argparse
import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator

from streams import keep_working

_INTERRUPTED = 130  # exit code, as of shells after Ctrl-C

keep_working()  # every tool imports this module first


def new_parser(description: str) -> argparse.ArgumentParser:
    """A parser of one tool, with --debug.

    Args:
        description: What the tool does, in a sentence.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--debug', action='store_true', help='show tracebacks and warnings')
    return parser


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add --cfg-options, which may come several times."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='overrides, such as max_iters=1000',
    )


def add_ranks(parser: argparse.ArgumentParser) -> None:
    """Add --launcher and --rank-timeout."""
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch', 'slurm'),
        default='none',
        help='what started the ranks: pytorch for torchrun, slurm for srun (default: one process)',
    )
    parser.add_argument(
        '--rank-timeout',
        type=float,
        metavar='MINUTES',
        help="a process that stands still for so long ends with a message (the config's, or 30)",
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallow what libraries print while they are imported; exceptions pass.

    mmseg tries mmpretrain, compiled operators and more, and prints each miss. Ctrl-C ends the tool
    without a traceback.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sink = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(sink),
            contextlib.redirect_stderr(sink),
        ):
            warnings.simplefilter('ignore')
            yield
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(_INTERRUPTED)
    finally:
        logging.disable(disabled)
