"""Short hashes of what decides a run's result: code, data, weights."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..config.user_modules import user_files

PACKAGE = Path(__file__).resolve().parents[1]
# They make data or weights, which have fingerprints of their own, or watch or compare runs.
# An installed package holds copies of tools/ and configs/.
_OTHER_ROOMS = (
    *('assets', 'cli', 'configs', 'console', 'experiments', 'inference', 'pretraining'),
    *('references', 'rehearsal', 'run_dir', 'tools'),
)
_WATCHERS = {'commands/tool.py', 'config/user_modules.py'}
_SAMPLED_FILES = 64  # read whole; all others count by name and size
_DIGITS = 10
_PARTS_OF_BLOCKS = ('body', 'orelse', 'finalbody', 'handlers', 'cases')
_PART = 2**24  # bytes of a large file that are read at a time


def short(digest: Any) -> str:
    """The first digits of a hash of hashlib."""
    return digest.hexdigest()[:_DIGITS]


def plain_tree(value: Any, tuples: bool = False) -> Any:
    """A config as JSON takes it: tuples become lists, classes and functions their names.

    Args:
        value: Any part of a config.
        tuples: Leave tuples as they are, as a Python file has them.
    """
    if isinstance(value, dict):
        return {str(key): plain_tree(item, tuples) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [plain_tree(item, tuples) for item in value]
        return tuple(items) if tuples and isinstance(value, tuple) else items
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return getattr(value, '__qualname__', None) or repr(value)


def code_fingerprint(package: Path = PACKAGE) -> str:
    """Hash what icpc's modules do: comments, docstrings and formatting do not count.

    Args:
        package: The folder of the package.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob('*.py')):
        name = path.relative_to(package).as_posix()
        if name.split('/')[0] in _OTHER_ROOMS or name in _WATCHERS:
            continue
        status = path.stat()
        digest.update(f'{name}\n{_meaning(path, status.st_mtime_ns, status.st_size)}\n'.encode())
    return short(digest)


def with_user_code(code: str, modules: Iterable[str]) -> str:
    """Join the user's own code to icpc's: `icpc's hash+its hash`, icpc's alone without any.

    Args:
        code: Hash of icpc's code.
        modules: Top-level names of the user's modules.
    """
    digest = hashlib.sha256()
    files = user_files(modules)
    for name, path in sorted(files.items()):
        digest.update(f'{name}\n{_user_meaning(path)}\n'.encode())
    return f'{code}+{short(digest)}' if files else code


def _user_meaning(path: Path) -> str:
    status = path.stat()
    if path.suffix == '.py':
        try:
            return _meaning(path, status.st_mtime_ns, status.st_size)
        except SyntaxError:  # a template, say, that nothing imports
            pass
    return _content(path)


@cache
def _meaning(path: Path, changed: int, size: int) -> str:
    """Hash of what one module does; parsing them all takes half a second."""
    tree = ast.parse(path.read_bytes())
    _drop_docstrings(tree)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _drop_docstrings(tree: ast.Module) -> None:
    """Also those of classes and functions within others; expressions hold none."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        parts = [getattr(node, name, None) for name in _PARTS_OF_BLOCKS]
        nodes.extend(child for part in parts if isinstance(part, list) for child in part)
        body = parts[0]
        if not isinstance(body, list) or not body or isinstance(node, ast.If):
            continue
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = body[1:]


def files_fingerprint(root: Path, files: Iterable[Path]) -> str:
    """Hash names and sizes of files, and the contents of some, evenly spread.

    Args:
        root: What the names are relative to.
        files: The files.
    """

    def name(path: Path) -> Path:
        # A list of names may stand outside: where it stands does not count.
        return path.relative_to(root) if path.is_relative_to(root) else Path(path.name)

    named = sorted((name(path), path) for path in files)
    digest = hashlib.sha256()
    for short_name, path in named:
        digest.update(f'{short_name.as_posix()} {path.stat().st_size}\n'.encode())
    sampled = np.linspace(0, len(named) - 1, min(len(named), _SAMPLED_FILES)).astype(int)
    for index in sampled:
        digest.update(named[index][1].read_bytes())
    return short(digest)


def data_fingerprint(dataset: dict[str, Any]) -> str | None:
    """Hash a dataset's pictures and masks; None when it is not there.

    Args:
        dataset: The dataset's config.
    """
    root = Path(dataset.get('data_root') or '.')
    folders = [root / folder for folder in (dataset.get('data_prefix') or {}).values()]
    if not folders or not all(folder.is_dir() for folder in folders):
        return None
    files = {path for folder in folders for path in folder.rglob('*') if path.is_file()}
    if dataset.get('ann_file'):
        files.add(root / dataset['ann_file'])
    if dataset.get('tags'):
        files |= {path for path in (root / dataset['tags'],) if path.is_file()}
    return files_fingerprint(root, files)


def weights_fingerprint(model: dict[str, Any], load_from: str | None = None) -> str | None:
    """Hash the local files that a run starts from; None when there are none.

    Args:
        model: The model's config; CLIP is built from its files.
        load_from: The user's checkpoint, not one that a resumed run goes on from.

    Returns:
        `CLIP's hash`, or `CLIP's hash+the checkpoint's`.
    """
    clip = _clip_fingerprint(model)
    return f'{clip or ""}+{_content(Path(load_from))}' if load_from else clip


def _clip_fingerprint(model: dict[str, Any]) -> str | None:
    clips = [model.get(part) or {} for part in ('clip', 'teacher')]
    values = [clip.get(key) for clip in clips for key in ('model', 'pretrained')]
    values.append(model.get('choices'))  # of names, which stage 2 of POLE learns from
    found = [_weight_files(value) for value in values if isinstance(value, str)]
    return '-'.join(_content(*files) for files in found if files is not None) or None


def _weight_files(value: str) -> list[Path] | None:
    """The files that a part of CLIP's config names, None where it names none."""
    for path in (Path(value), PACKAGE / 'assets' / value):
        if path.is_dir():
            return [file for file in path.iterdir() if file.suffix in ('.json', '.safetensors')]
        if path.is_file():
            return [path]
    return None


def _content(*files: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        with path.open('rb') as file:
            while part := file.read(_PART):
                digest.update(part)
    return short(digest)
