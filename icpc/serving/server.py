"""Serves the page, until it is told to stop, and leaves nothing behind."""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

from ..console.messages import say
from ..errors import UserError
from .answer import Served
from .upload import most_bytes

LOOPBACK = '127.0.0.1'
_STYLE = Path(__file__).parents[1] / 'assets' / 'page' / 'style.css'
_SESSIONS = 32  # whose pictures stay in memory


def check_server(host: str, port: int, megapixels: float) -> None:
    """Raise for what would stop the server, before a model is loaded.

    Args:
        host: An address of this computer.
        port: 1 to 65535, not in use.
        megapixels: The most that a picture may have.

    Raises:
        UserError: Gradio is missing, the port is taken, or a value is out of its range.
    """
    if find_spec('gradio') is None:
        raise UserError("the page needs gradio; install it with pip install 'icpc[serve]'")
    if not 1 <= port <= 65535:
        raise UserError(f'--port must be from 1 to 65535, got {port}')
    if not 0 < megapixels <= 1000:
        raise UserError(f'--max-size must be megapixels from above 0 to 1000, got {megapixels:g}')
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UserError(
            f'{host}:{port} cannot be served: {error.strerror or error}; take another --port, or '
            'an address of this computer as --host'
        ) from error


@contextmanager
def served(
    models: Sequence[Served],
    classes: str | None = None,
    host: str = LOOPBACK,
    port: int = 7860,
    megapixels: float = 16,
) -> Iterator[str]:
    """Serve the page inside the block.

    Args:
        models: One or two.
        classes: The list to begin with; None for the first model's own.
        host, port, megapixels: As for :func:`check_server`.

    Yields:
        The page's address.

    Raises:
        UserError: A class list that cannot be asked for.
    """
    with _private_folder():
        from .browser_page import build_page, example_style

        page = build_page(models, classes, megapixels)
        try:
            _, address, _ = page.launch(
                server_name=host,
                server_port=port,
                max_file_size=most_bytes(megapixels),
                css_paths=_STYLE,
                css=example_style(),
                state_session_capacity=_SESSIONS,
                **_ALONE,
            )
            yield address
        finally:
            page.close(verbose=False)


# Nothing is shared, recorded or looked up elsewhere, whatever the environment says.
_ALONE: dict[str, Any] = dict(
    share=False,
    ssr_mode=False,
    pwa=False,
    mcp_server=False,
    enable_monitoring=False,
    run_history=False,
    footer_links=[],
    inbrowser=False,
    prevent_thread_lock=True,
    quiet=True,
)


def serve(models: Sequence[Served], host: str = LOOPBACK, **options: Any) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        models: One or two.
        host: Other addresses than those of the loopback open the page to other computers.
        **options: Of :func:`served`.
    """
    stop = Event()
    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with served(models, host=host, **options) as address:
        try:
            say(f'{address} (Ctrl-C ends it)')
            if not _is_loopback(host):
                say(
                    f'--host {host}: every computer that reaches this one may send pictures, '
                    'without a password and unencrypted'
                )
            stop.wait()
        except KeyboardInterrupt:
            say('ended')


def _is_loopback(host: str) -> bool:
    return host in ('localhost', '::1') or host.startswith('127.')


@contextmanager
def _private_folder() -> Iterator[None]:
    """A folder of our own for what Gradio stores, which goes with the block."""
    with tempfile.TemporaryDirectory(prefix='icpc-serve-') as folder:
        own = dict(
            GRADIO_TEMP_DIR=folder,
            GRADIO_EXAMPLES_CACHE=str(Path(folder) / 'cache'),
            GRADIO_ANALYTICS_ENABLED='False',
        )
        former = {key: os.environ.get(key) for key in own}
        os.environ.update(own)
        try:
            yield
        finally:
            for key, value in former.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value
