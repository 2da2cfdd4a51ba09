"""What the command lines have in common. Nothing slow is imported, so --help is quick."""

import argparse
import contextlib
import sys
from collections.abc import Iterator

from ..startup.quiet import quiet_imports

_INTERRUPTED = 130  # exit code, as of shells after Ctrl-C


def new_parser(
    description: str,
    name: str | None = None,
    formatter: type[argparse.HelpFormatter] = argparse.HelpFormatter,
) -> argparse.ArgumentParser:
    """A parser of one command, with --debug.

    Args:
        description: What the command does, in a sentence.
        name: What the usage begins with.
        formatter: Of the help.
    """
    parser = argparse.ArgumentParser(name, description=description, formatter_class=formatter)
    parser.add_argument('--debug', action='store_true', help='show tracebacks and warnings')
    return parser


def add_config(parser: argparse.ArgumentParser, which: str = 'a config') -> None:
    """Add the config.

    Args:
        parser: Of the command.
        which: What the config is here.
    """
    example = 'icpc/icpc_rn50_fpn_80k_ade20k-512'
    text = f'{which}: a file, or the name of a packaged one, such as {example}'
    parser.add_argument('config', help=text)


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
    """As `quiet_imports`; Ctrl-C ends the command without a traceback."""
    try:
        with quiet_imports():
            yield
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(_INTERRUPTED)
