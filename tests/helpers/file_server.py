"""A web server on loopback that gives out files well or badly, in a thread."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves `files`, path -> content.

    Attributes:
        ranges: Whether `Range` is understood.
        heeds_if_range: Whether `If-Range` is, too.
        etags: Whether an ETag is sent.
        cut: Bytes after which the connection is dropped; None for never.
        status: What every answer's status is; None for the right one.
        kind: The content type.
        asked: (path, Range or None) of every request.
    """

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = self.heeds_if_range = self.etags = self.lengths = True
        self.cut: int | None = None
        self.status: int | None = None
        self.kind = 'application/octet-stream'
        self.asked: list[tuple[str, str | None]] = []

    def url(self, name: str) -> str:
        """The address of a file."""
        return f'http://127.0.0.1:{self.server_address[1]}/{name}'


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        server, name = self.server, self.path.strip('/')
        server.asked.append((name, self.headers['Range']))
        if server.status or name not in server.files:
            self.send_error(server.status or 404)
            return
        content, start = server.files[name], 0
        etag = f'"{hash(content)}"'
        wanted = self.headers['If-Range']
        if server.ranges and self.headers['Range']:
            fits = not server.heeds_if_range or wanted in (None, etag)
            start = int(re.fullmatch(r'bytes=(\d+)-', self.headers['Range'])[1]) if fits else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(content) - 1}/{len(content)}')
        self.send_header('Content-Type', server.kind)
        if server.lengths:
            self.send_header('Content-Length', str(len(content) - start))
        if server.etags:
            self.send_header('ETag', etag)
        self.end_headers()
        end = len(content) if server.cut is None else start + server.cut
        self.wfile.write(content[start:end])


@contextmanager
def serving() -> Iterator[FileServer]:
    """A server that answers inside the block."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
