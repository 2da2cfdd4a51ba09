"""A file of class names, one a line."""

from collections import Counter
from pathlib import Path

from .errors import UserError


def read_names(path: str | Path, where: str) -> list[str]:
    """Names without outer spaces, in the order of the lines; empty lines do not count.

    Args:
        path: The file, UTF-8.
        where: The option or key that an error names.

    Raises:
        UserError: A missing, unreadable or empty file, or a name that comes twice.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'{where}: no such names file (one class name a line)')
    try:
        # Windows' editors put a mark before the first name.
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f'{where}: not a text file in UTF-8 ({error})') from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f'{where}: it is empty; write one class name a line')
    refuse_repeated(names, where)
    return names


def refuse_repeated(names: list[str], where: str) -> None:
    """Raise for a name that comes twice; outer spaces do not count.

    Args:
        names: Class names.
        where: The option or key that an error names.
    """
    twice = [name for name, count in Counter(map(str.strip, names)).items() if count > 1]
    if twice:
        raise UserError(f'{where}: {twice[0]!r} comes twice; class names must be different')
