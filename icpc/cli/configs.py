"""`icpc configs`: the packaged configs and studies, a line each."""

import argparse
import re
import sys
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path

from ..errors import REFUSED, UserError, did_you_mean
from ..startup.packaged import configs_folder, packaged_configs

HELP = 'list the packaged configs and studies'
DESCRIPTION = (
    'List the packaged configs, a line each: name, method, backbone, steps, dataset and crop; then '
    'the studies. Every command takes such a name in the place of a file.'
)
# {method}_{backbone}_{head}_{steps}_{dataset}-{crop}; nothing is trained without head and steps
_NAME = re.compile(r'[^/]+/([^_]+)_([^_]+)(?:_[^_]+_(\d+k))?_(.+)-(\d+)(?:_published)?')
_HEAD = ('config', 'method', 'backbone', 'steps', 'dataset', 'crop')
_STUDY = ('study', 'what it compares')
_STUDIES = 'studies/'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    text = 'only names that hold this, * standing for anything (all)'
    parser.add_argument('pattern', nargs='?', default='', help=text)
    parser.add_argument(
        '--where', action='store_true', help='print the files instead, to copy one and change it'
    )


def run(args: argparse.Namespace) -> int:
    """Print them; the exit code. Nothing slow is imported."""
    try:
        print('\n'.join(list_configs(args.pattern, args.where)))
    except UserError as error:
        print(f'error: {error}', file=sys.stderr)
        return REFUSED
    return 0


def list_configs(pattern: str = '', where: bool = False) -> list[str]:
    """The lines of a table of configs and studies.

    Args:
        pattern: What names must hold; `*` stands for anything, case does not count.
        where: Give the files alone.

    Raises:
        UserError: When none has the pattern.
    """
    known = packaged_configs()
    names = [name for name in known if fnmatch(name.lower(), f'*{pattern.lower()}*')]
    if not names:
        words = {word for name in known for word in re.split(r'[/_]', name)}
        hint = did_you_mean(pattern, words)
        raise UserError(f'no packaged config has {pattern!r} in its name{hint}')
    if where:
        return [str(configs_folder() / f'{name}.py') for name in names]
    studies = [name for name in names if name.startswith(_STUDIES)]
    rows = [(name, *_parts(name)) for name in names if name not in studies]
    lines = _table([_HEAD, *rows]) if rows else []
    if studies:
        lines += [''] if rows else []
        lines += _table([_STUDY, *((name, _first_sentence(name)) for name in studies)])
    return lines


def _parts(name: str) -> tuple[str, ...]:
    found = _NAME.fullmatch(name)
    return found.groups('-') if found else ('',) * (len(_HEAD) - 1)


def _first_sentence(study: str) -> str:
    file: Path = configs_folder() / f'{study}.py'
    lines = file.read_text(encoding='utf-8').splitlines()
    comment = takewhile(lambda line: line.startswith('#'), lines)
    text = ' '.join(line.lstrip('# ') for line in comment)
    return re.split(r'[:;.] |[:;.]$', text)[0]


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
