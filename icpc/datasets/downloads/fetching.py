"""All files of a dataset in one folder: told before, fetched, made readable file by file."""

import gzip
import shutil
import zlib
from pathlib import Path

from ...errors import UserError
from ...files import put_in_place
from . import failures
from .offers import ELSEWHERE, OFFERS, File
from .transfer import fetch


def refuse_if_elsewhere(dataset: str) -> None:
    """Raise for a dataset that only its publisher's page gives.

    Raises:
        UserError: It names the page and what to get there.
    """
    if dataset not in OFFERS:
        raise UserError(
            f'{dataset} cannot be fetched by --download: {ELSEWHERE[dataset]}; then give --source'
        )


def collect(dataset: str, folder: Path) -> Path:
    """Fetch what a dataset's publisher offers; what is there already is not fetched again.

    Args:
        dataset: A key of `OFFERS`.
        folder: Where it is kept; it is made.

    Returns:
        The folder.

    Raises:
        UserError: When a file cannot be had.
    """
    offer = OFFERS[dataset]
    print(f'{dataset}, from {offer.page}\nlicence: {offer.licence}')
    for file in offer.files:
        check = file.checksum or 'no checksum is published, its length is checked'
        print(f'  {file.url} ({file.size}; {check})')
    print(f'kept in {folder}', flush=True)
    with failures.room(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for file in offer.files:
        _fetch_readable(file, folder, offer.page)
    return folder


def _fetch_readable(file: File, folder: Path, page: str) -> None:
    """Fetch; a compressed tar becomes a plain one, since single files are read from it."""
    plain = folder / file.name.replace('.tgz', '.tar')
    if plain.name == file.name:
        _with_bar(file, folder, page)
    elif not plain.exists():
        packed = _with_bar(file, folder, page)
        with failures.room(folder), put_in_place(plain) as temporary:
            try:
                with gzip.open(packed) as source, temporary.open('wb') as target:
                    shutil.copyfileobj(source, target, 2**20)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                reason = f'it cannot be unpacked ({error})'
                raise failures.wrong(file, packed, reason, removed=False) from error
        packed.unlink()


def _with_bar(file: File, folder: Path, page: str) -> Path:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.progress import TransferSpeedColumn as Speed

    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), Speed(), TimeLeft())
    with Progress(*columns) as progress:
        task = progress.add_task(file.name, total=None)
        return fetch(
            file,
            folder,
            page,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
