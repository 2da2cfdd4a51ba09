"""`icpc COMMAND ...`, and the same commands as scripts: `python tools/COMMAND.py ...`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from types import ModuleType

from ..startup.program import SCRIPT, name_of
from .arguments import new_parser
from .streams import keep_working

# Each is a module of this folder, under its name with `_` for `-`, with HELP, a sentence;
# add_arguments(parser); and run(args), which returns the exit code. It may have a DESCRIPTION,
# longer than HELP, a FORMATTER of argparse, and check(parser, args), which calls parser.error.
# What is slow to import, run imports under `quiet`. A further command is one further line.
COMMANDS = (
    'train',
    'test',
    'predict',
    'ablate',
    'report',
    'reproduce',
    'make-pseudo-masks',
    'choose-names',
    'weakly',
    'publish',
    'export',
    'serve',
    'prepare-data',
    'verify-data',
    'browse',
    'configs',
    'print-config',
    'complexity',
    'benchmark',
    'list-clips',
    'pretrain-clip',
    'import-denseclip',
    'check-reference',
    'colour-position-baseline',
)
_REFUSED = 2  # exit code, as argparse's


def main(argv: Sequence[str] | None = None) -> int:
    """Run `icpc COMMAND ...`.

    Args:
        argv: The words after `icpc`; by default those that were typed.

    Returns:
        The exit code.
    """
    keep_working()
    words = sys.argv[1:] if argv is None else list(argv)
    if words and words[0] in COMMANDS:
        return run_command(words[0], words[1:], f'{SCRIPT} {words[0]}')
    if words and not words[0].startswith('-'):
        near = get_close_matches(words[0], COMMANDS, 1)
        hint = f'did you mean {near[0]}?' if near else f'`{SCRIPT} --help` lists them'
        print(f'error: {SCRIPT} has no command {words[0]!r}; {hint}', file=sys.stderr)
        return _REFUSED
    _overview().parse_args(words or ['--help'])
    return 0


def script(command: str) -> Callable[..., int]:
    """The `main` of a script in `tools/`: it takes the words after it, by default those typed.

    Args:
        command: Such as `prepare-data`.
    """
    return partial(run_command, command)


def run_command(command: str, argv: Sequence[str] | None = None, name: str | None = None) -> int:
    """Read the command line of a command and do its work.

    Args:
        command: One of COMMANDS.
        argv: The words after the command; by default those that were typed.
        name: How the usage names it; by default as it is typed where the program was started.
    """
    keep_working()
    module = module_of(command)
    return module.run(parse(module, argv, name or name_of(command)))


def parse(module: ModuleType, argv: Sequence[str] | None, name: str) -> argparse.Namespace:
    """Read the words of a command; one that is wrong ends the program, with the usage.

    Args:
        module: The command's module.
        argv: The words after the command; by default those that were typed.
        name: How the usage names it.
    """
    formatter = getattr(module, 'FORMATTER', argparse.HelpFormatter)
    parser = new_parser(getattr(module, 'DESCRIPTION', module.HELP), name, formatter)
    module.add_arguments(parser)
    args = parser.parse_args(argv)
    if hasattr(module, 'check'):
        module.check(parser, args)
    return args


def module_of(command: str) -> ModuleType:
    """The module of a command; it imports nothing slow."""
    return import_module(f'{__package__}.{command.replace("-", "_")}')


def _overview() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS)) + 2
    lines = [f'  {command:{width}}{module_of(command).HELP}' for command in COMMANDS]
    parser = argparse.ArgumentParser(
        prog=SCRIPT,
        usage=f'{SCRIPT} COMMAND ...',
        description='CLIP-guided semantic segmentation: train, compare, look.',
        epilog='\n'.join(['commands:', *lines, '', f'`{SCRIPT} COMMAND --help` tells more.']),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action=_Version, nargs=0, help='print it')
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: object) -> None:
        from .. import __version__

        print(f'{SCRIPT} {__version__}')
        sys.exit(0)
