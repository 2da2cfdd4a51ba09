"""The files of a folder as MMSegmentation lists them, and what it would leave out."""

import os
from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError

PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


def files_below(folder: Path) -> list[str]:
    """Paths below a folder of its files: linked folders are entered, hidden ones left alone.

    Args:
        folder: One that exists.

    Raises:
        UserError: A link leads back to a folder above it: its pictures would come many times.
    """
    return list(_below(str(folder), '', (os.path.realpath(folder),)))


def _below(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith('.'):
                continue
            if entry.is_file():
                yield prefix + entry.name
            elif entry.is_dir():
                real = os.path.realpath(entry.path)
                if real in above:
                    raise UserError(
                        f'{entry.path}: a link that leads back to {real}, so that the same files '
                        'would be read many times; remove it'
                    )
                yield from _below(entry.path, f'{prefix}{entry.name}/', (*above, real))


def other_suffixes(files: list[str], suffix: str, lonely: set[str]) -> list[str]:
    """Pictures that a suffix leaves out, though they have a mask or differ by upper case alone.

    Args:
        files: All files of the folder of pictures.
        suffix: That of the pictures which are read.
        lonely: Names of masks without a picture.
    """
    left = [name for name in files if not name.endswith(suffix)]
    return sorted(
        name
        for name in left
        if name.lower().endswith(suffix.lower())
        or (name.lower().endswith(PICTURES) and os.path.splitext(name)[0] in lonely)
    )
