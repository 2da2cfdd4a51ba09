"""A stand-in for the Hub's HTTP interface, as far as `huggingface_hub` asks it to load and push."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = 'c' * 40
TOKEN = 'hf_writes'


class Hub(ThreadingHTTPServer):
    """Models in memory; whoever has `TOKEN` may write to `org`.

    Attributes:
        models: `org/name` -> revision (`main` or a commit) -> file -> content.
        private: Names that are hidden from all without the token.
        large: oid -> content of what was uploaded by LFS.
        lost: Files that break off in the middle.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.models: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.large: dict[str, bytes] = {}
        self.lost: set[str] = set()
        self.address = f'http://127.0.0.1:{self.server_port}'

    def put(self, name: str, files: dict[str, bytes]) -> str:
        """Commit files; the commit."""
        model = self.models.setdefault(name, {})
        commit = f'{len(model):040x}' if model else COMMIT
        model['main'] = model[commit] = files
        return commit

    def commit_of(self, name: str, revision: str) -> str | None:
        """The commit that a revision is."""
        model = self.models[name]
        found = model.get(revision)
        commits = [key for key in model if key != 'main' and model[key] is found]
        return commits[-1] if found is not None and commits else None


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_HEAD(self) -> None:
        self._read(body=False)

    def do_GET(self) -> None:
        self._read(body=True)

    def do_PUT(self) -> None:
        self.server.large[self.path.rsplit('/', 1)[1]] = self._content()
        self._answer({})

    def _content(self) -> bytes:
        return self.rfile.read(int(self.headers['Content-Length'] or 0))

    @property
    def _writes(self) -> bool:
        return self.headers['Authorization'] == f'Bearer {TOKEN}'

    def _answer(self, content: object = b'', status: int = 200, body: bool = True, **more) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in more.items():
            self.send_header(key.replace('_', '-'), value)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if body:
            cut = self.path.rsplit('/', 1)[1] in self.server.lost
            self.wfile.write(data[: len(data) // 2] if cut else data)
            self.close_connection = cut

    def _read(self, body: bool) -> None:
        path = self.path.partition('?')[0]
        found = re.fullmatch(
            r'/(?:api/models/)?([^/]+/[^/]+)(?:/(tree|revision|resolve)/([^/]+))?(?:/(.+))?', path
        )
        name, kind, revision, file = found.groups()
        known = name in self.server.models
        if not known or (name in self.server.private and not self._writes):
            return self._answer(status=404, body=body, X_Error_Code='RepoNotFound')
        commit = self.server.commit_of(name, revision or 'main')
        if commit is None:
            return self._answer(status=404, body=body, X_Error_Code='RevisionNotFound')
        files = self.server.models[name][commit]
        if kind == 'tree':
            sizes = {file: len(content) for file, content in files.items()}
            entries = [dict(type='file', path=f, size=n, oid=f) for f, n in sizes.items()]
            return self._answer(entries, body=body)
        if kind == 'resolve':
            if file not in files:
                return self._answer(status=404, body=body, X_Error_Code='EntryNotFound')
            etag = f'"{hashlib.sha256(files[file]).hexdigest()}"'
            return self._answer(files[file], body=body, ETag=etag, X_Repo_Commit=commit)
        siblings = [{'rfilename': file} for file in files]
        told = dict(id=name, sha=commit, siblings=siblings, private=name in self.server.private)
        return self._answer(told, body=body)

    def do_POST(self) -> None:
        content, path = self._content(), self.path.partition('?')[0]
        if path == '/api/validate-yaml':
            return self._answer({'errors': [], 'warnings': []})
        if not self._writes:
            return self._answer({'error': 'Invalid credentials'}, 401)
        if path == '/api/repos/create':
            asked = json.loads(content)
            name = f'{asked["organization"]}/{asked["name"]}'
            if asked['organization'] != 'org':
                return self._answer({'error': 'You have no rights here'}, 403)
            if name in self.server.models:
                return self._answer({'url': f'{self.server.address}/{name}'}, 409)
            if asked.get('visibility') == 'private' or asked.get('private'):
                self.server.private.add(name)
            self.server.put(name, {})
            return self._answer({'url': f'{self.server.address}/{name}'})
        if path.endswith('/info/lfs/objects/batch'):
            objects = [
                {
                    'oid': one['oid'],
                    'size': one['size'],
                    'actions': {'upload': {'href': f'{self.server.address}/lfs/{one["oid"]}'}},
                }
                for one in json.loads(content)['objects']
            ]
            return self._answer({'transfer': 'basic', 'objects': objects})
        name, action = re.fullmatch(r'/api/models/([^/]+/[^/]+)/(\w+)/main', path).groups()
        if action == 'preupload':
            files = [
                {
                    'path': one['path'],
                    'uploadMode': 'lfs' if one['path'].endswith('.safetensors') else 'regular',
                    'shouldIgnore': False,
                }
                for one in json.loads(content)['files']
            ]
            return self._answer({'files': files})
        files = dict(self.server.models[name]['main'])
        for line in map(json.loads, content.splitlines()):
            value = line['value']
            if line['key'] == 'file':
                files[value['path']] = base64.b64decode(value['content'])
            elif line['key'] == 'lfsFile':
                files[value['path']] = self.server.large[value['oid']]
        commit = self.server.put(name, files)
        url = f'{self.server.address}/{name}/commit/{commit}'
        return self._answer({'success': True, 'commitOid': commit, 'commitUrl': url})


@contextmanager
def serving(models: dict[str, Path]) -> Iterator[Hub]:
    """A Hub while it serves folders as models.

    Args:
        models: `org/name` -> the folder.
    """
    server = Hub()
    for name, folder in models.items():
        server.put(name, {file.name: file.read_bytes() for file in folder.iterdir()})
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
