"""A file of class names, one a line."""

import codecs
import re
import unicodedata
from collections import Counter
from pathlib import Path

from .errors import UserError


def read_names(path: str | Path, where: str) -> list[str]:
    """Names without outer spaces, in the order of the lines.

    Empty lines and lines that begin with `#` do not count. UTF-8 and UTF-16 are told apart by what
    editors write before the first name.

    Args:
        path: The file.
        where: The option or key that an error names.

    Raises:
        UserError: A missing, unreadable or empty file, a name that comes twice, or one that would
            be more than text in a config or a terminal.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'{where}: no such names file (one class name a line)')
    lines = (line.strip() for line in read_lines(path, where))
    names = [line for line in lines if line and not line.startswith('#')]
    if not names:
        raise UserError(f'{where}: it is empty; write one class name a line')
    for name in names:
        if '${' in name or any(unicodedata.category(char) == 'Cc' for char in name):
            raise UserError(
                f'{where}: {name!r} holds a control character or ${{, which is more than text to a '
                'terminal or to a config; write another name'
            )
    refuse_repeated(names, where)
    return names


def read_lines(path: Path, where: str) -> list[str]:
    """The lines of a text file that a person wrote, on whatever system.

    Args:
        path: The file, in UTF-8 or UTF-16.
        where: The option or key that an error names.

    Raises:
        UserError: It is in another encoding, such as Latin-1, or no text.
    """
    return text_lines(path.read_bytes(), where, path.name)


def text_lines(data: bytes, where: str, name: str) -> list[str]:
    """The lines of such a file's content.

    Args:
        data: The content.
        where: The option, key or file that an error names.
        name: The file's name, for the command that converts it.

    Raises:
        UserError: As `read_lines`.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b'\0' in data and not marked:
        raise UserError(f'{where}: not a text file in UTF-8; save it as UTF-8')
    encoding = 'utf-16' if marked else 'utf-8-sig'
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        raise UserError(
            f'{where}: line {line} is not in UTF-8; save the file as UTF-8, or for a file in '
            f'Latin-1: iconv -f latin1 -t utf-8 {name} > new.txt'
        ) from error
    return re.split(r'\r\n|\r|\n', text)


def refuse_repeated(names: list[str], where: str) -> None:
    """Raise for a name that comes twice; outer spaces do not count.

    Args:
        names: Class names.
        where: The option or key that an error names.
    """
    twice = [name for name, count in Counter(map(str.strip, names)).items() if count > 1]
    if twice:
        raise UserError(f'{where}: {twice[0]!r} comes twice; class names must be different')
