"""A stand-in for the Hub's HTTP interface, as far as `snapshot_download` asks it."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = 'c' * 40


@contextmanager
def serving(models: dict[str, Path]) -> Iterator[str]:
    """The address while folders are served as models.

    Args:
        models: `org/name` -> the folder.
    """

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path, headers, content = self.path.partition('?')[0], {}, None
            for name, folder in models.items():
                if path.startswith(f'/api/models/{name}/tree/'):
                    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
                    content = json.dumps(
                        [dict(type='file', path=f, size=n, oid=f) for f, n in sizes.items()]
                    ).encode()
                elif path.startswith(f'/api/models/{name}'):
                    files = [{'rfilename': file.name} for file in folder.iterdir()]
                    content = json.dumps(dict(id=name, sha=COMMIT, siblings=files)).encode()
                elif path.startswith(f'/{name}/resolve/'):
                    content = (folder / path.rsplit('/', 1)[1]).read_bytes()
                    etag = hashlib.sha256(content).hexdigest()
                    headers = {'ETag': f'"{etag}"', 'X-Repo-Commit': COMMIT}
            self.send_response(404 if content is None else 200)
            if content is None:
                headers = {'X-Error-Code': 'RepoNotFound'}
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(content or b'')))
            self.end_headers()
            if body and content:
                self.wfile.write(content)

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        server.server_close()
