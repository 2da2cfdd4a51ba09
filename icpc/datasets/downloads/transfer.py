"""One file from a web server: resumed when it broke off, whole or not there at all."""

import fcntl
import hashlib
import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from ...files import write_text_atomically
from . import failures
from .offers import File

_CHUNK, _TIMEOUT = 2**20, 60  # bytes, seconds
Report = Callable[[int, int | None], None]  # bytes that are there, bytes in all where known


def fetch(file: File, folder: Path, page: str, report: Report) -> Path:
    """Download a file, or go on with it, or find it done.

    It has its name only when it is whole; until then `.NAME.part` holds what has come, and
    `.NAME.part.json` which edition of it.

    Args:
        file: What to fetch.
        folder: An existing folder.
        page: The publisher's page, for messages.
        report: Called as bytes arrive.

    Returns:
        Its path.

    Raises:
        UserError: When it cannot be had; what has come is kept, unless it is wrong.
    """
    target, part = folder / file.name, folder / f'.{file.name}.part'
    if target.exists():
        _check(file, target, target)
        return target
    with failures.room(folder), part.open('ab') as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise failures.shared(part) from error
        if target.exists():  # another process has just given it its name
            raise failures.shared(part)
        total = _receive(file, stream, part, page, report)
        stream.flush()
        os.fsync(stream.fileno())
        had = part.stat().st_size
        if total is not None and had < total:
            raise failures.cut(file, had, total)
        _check(file, part, target)
        os.replace(part, target)
        _note(part).unlink(missing_ok=True)
    return target


def _receive(file: File, stream: BinaryIO, part: Path, page: str, report: Report) -> int | None:
    """Append what is missing; returns the length of the whole where the server tells it."""
    known = _read_note(part, file.url)
    have = part.stat().st_size
    if known and have and have == known['total']:  # stopped between the last byte and the name
        return have
    response, start = _opened(file, have, known, page)
    with response:
        if response.headers.get_content_type() == 'text/html':
            raise failures.a_page(file, page)
        total = known['total'] if start else _length(response)
        if start == 0:
            stream.truncate(0)
            edition = dict(url=file.url, total=total, **_validators(response))
            write_text_atomically(json.dumps(edition), _note(part))
        free = shutil.disk_usage(part.parent).free
        if total is not None and total - start > free:
            raise failures.too_large(part.parent, total - start, free)
        done = start
        report(done, total)
        while chunk := _read(response, file, done, total, page):
            stream.write(chunk)
            done += len(chunk)
            report(done, total)
    return total


def _read(
    response: http.client.HTTPResponse, file: File, done: int, total: int | None, page: str
) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise failures.cut(file, done, total) from error


def _opened(
    file: File, have: int, known: dict[str, Any] | None, page: str
) -> tuple[http.client.HTTPResponse, int]:
    """The answer, and at which byte it starts: that which is missing, or the first."""
    if known and 0 < have < (known['total'] or 0):
        headers = {'Range': f'bytes={have}-'}
        if validator := known['etag'] or known['modified']:
            headers['If-Range'] = validator
        response = _ask(file, headers, page)
        if response is not None and response.status == 206 and _continues(response, have, known):
            return response, have
        if response is not None and response.status == 200:  # another edition, or it cannot resume
            return response, 0
        if response is not None:
            response.close()
    response = _ask(file, {}, page)
    if response is None or response.status != 200:
        raise failures.refused(file, 0 if response is None else response.status, page)
    return response, 0


def _ask(file: File, headers: dict[str, str], page: str) -> http.client.HTTPResponse | None:
    """The answer to a request; None where the wanted range does not exist."""
    headers = {'User-Agent': 'icpc (prepare-data)', **headers}
    request = urllib.request.Request(file.url, headers=headers)  # noqa: S310
    try:
        return urllib.request.build_opener().open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and 'Range' in headers:
            return None
        raise failures.refused(file, error.code, page) from error
    except (OSError, http.client.HTTPException) as error:
        raise failures.unreachable(file, error, page) from error


def _continues(response: http.client.HTTPResponse, have: int, known: dict[str, Any]) -> bool:
    """Whether a partial answer is the missing rest of the edition that has begun to come."""
    where, _, total = response.headers.get('Content-Range', '').partition('/')
    now = _validators(response)
    same = all(now[key] == known[key] for key in now if now[key] and known[key])
    return where.startswith(f'bytes {have}-') and total == str(known['total']) and same


def _length(response: http.client.HTTPResponse) -> int | None:
    length = response.headers.get('Content-Length', '')
    return int(length) if length.isdigit() else None


def _validators(response: http.client.HTTPResponse) -> dict[str, str | None]:
    etag = response.headers.get('ETag')
    strong = None if etag is None or etag.startswith('W/') else etag
    return dict(etag=strong, modified=response.headers.get('Last-Modified'))


def _note(part: Path) -> Path:
    return part.with_name(f'{part.name}.json')


def _read_note(part: Path, url: str) -> dict[str, Any] | None:
    """The edition that has begun to come; None where it is another or not known."""
    with suppress(OSError, ValueError):
        known = json.loads(_note(part).read_text())
        if isinstance(known, dict) and known.get('url') == url:
            return {key: known.get(key) for key in ('total', 'etag', 'modified')}
    return None


def _check(file: File, path: Path, target: Path) -> None:
    """Raise for a file that is not what was published; one under its temporary name is removed."""
    reason = _wrong(file, path)
    if reason is None:
        return
    if path != target:
        path.unlink()
        _note(path).unlink(missing_ok=True)
    raise failures.wrong(file, target, reason, removed=path != target)


def _wrong(file: File, path: Path) -> str | None:
    if file.checksum is not None:
        kind, _, wanted = file.checksum.partition(':')
        digest = hashlib.new(kind, usedforsecurity=False)
        with path.open('rb') as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        found = digest.hexdigest()
        return None if found == wanted else f'its {kind} is {found}, expected {wanted}'
    if file.name.endswith('.zip') and not zipfile.is_zipfile(path):
        return f'it is no whole zip archive ({path.stat().st_size} bytes)'
    return None
