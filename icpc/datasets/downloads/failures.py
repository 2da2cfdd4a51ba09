"""The ways in which a download fails, each with what to do."""

import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import UserError
from ...system_errors import NO_ROOM, reason_of
from .offers import File

_AGAIN = 'the same command goes on with it'
_BY_HAND = 'or get {name} yourself ({page}) and give its folder as --source'
_MB = 1e6


def cut(file: File, done: int, total: int | None) -> UserError:
    """The transfer ended early."""
    of = '' if total is None else f' of {total / _MB:.1f}'
    return UserError(
        f'{file.url}: the transfer broke off after {done / _MB:.1f}{of} MB, which are kept; '
        f'{_AGAIN}'
    )


def refused(file: File, status: int, page: str) -> UserError:
    """The server answered with something else than the file."""
    by_hand = _BY_HAND.format(name=file.name, page=page)
    if status in (404, 410):
        advice = f'the publisher has moved it; look for {file.name} on {page} and use --source'
    elif status == 407:
        advice = 'the proxy wants a name and a password: put them into http_proxy and https_proxy'
    elif status in (401, 403):
        advice = f'the publisher (or a proxy) does not give it to you; try later, {by_hand}'
    else:
        advice = f'the server has a difficulty; try later, {by_hand}'
    return UserError(f'{file.url}: answered with status {status}{_through(file)}; {advice}')


def a_page(file: File, page: str) -> UserError:
    """A page for people came instead of the archive."""
    return UserError(
        f'{file.url}: a web page was sent instead of the archive{_through(file)}; does the network '
        f'want a sign-in? What has come is kept, and {_AGAIN}; '
        f'{_BY_HAND.format(name=file.name, page=page)}'
    )


def shared(part: Path) -> UserError:
    """Two processes want the same file."""
    return UserError(f'{part}: another process is fetching it; wait for it, then run this again')


def unreachable(file: File, error: Exception, page: str) -> UserError:
    """There was no answer at all."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    host = urllib.parse.urlsplit(file.url).hostname
    if isinstance(reason, ssl.SSLCertVerificationError):
        what = f'the certificate of {host} is not trusted here'
        advice = 'set SSL_CERT_FILE to the certificates of your network.'
    elif isinstance(reason, socket.gaierror):
        what, advice = f'{host} is not known here', 'is there a network, or a proxy to be set?'
    elif 'Tunnel connection failed' in str(reason):
        what, advice = f'the proxy does not lead there ({reason})', 'put that right first.'
    else:
        what, advice = f'no answer ({reason})', 'is there a network, or a proxy to be set?'
    by_hand = _BY_HAND.format(name=file.name, page=page)
    return UserError(
        f'{file.url}: {what}{_through(file)}; {advice} What has come is kept, and {_AGAIN}; '
        f'{by_hand}'
    )


def _through(file: File) -> str:
    """Which proxy was asked, without its password."""
    address = urllib.parse.urlsplit(file.url)
    proxy = urllib.request.getproxies().get(address.scheme)
    if not proxy or urllib.request.proxy_bypass(address.hostname or ''):
        return ''
    host = proxy.rpartition('@')[2].rpartition('//')[2]
    return f' (asked through the proxy {host} of {address.scheme}_proxy)'


def too_large(folder: Path, needed: int, free: int) -> UserError:
    """It would not fit."""
    return UserError(
        f'{folder}: {needed / _MB:.1f} MB are still to come, {free / _MB:.1f} MB are free; make '
        f'room, and {_AGAIN}; or give another --keep'
    )


def wrong(file: File, target: Path, reason: str, removed: bool) -> UserError:
    """It came, but is not what was published."""
    advice = (
        'a proxy or a sign-in page may have answered in its place, or the publisher has changed '
        'it. It has been removed; run the command again'
        if removed
        else 'it was not fetched by this command, or was changed; move it away and run the '
        'command again'
    )
    return UserError(f'{target}: is not the file of {file.url}, {reason}; {advice}')


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """Turn an error of the system, met while writing into a folder, into a `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            advice = f'what has come is kept; make room, and {_AGAIN}'
        else:
            advice = 'give another --keep'
        raise UserError(f'{folder}: cannot be written, {reason_of(error)}; {advice}') from error
